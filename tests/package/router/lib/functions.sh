# shellcheck shell=sh
# Plays what a package meets of OpenWrt's /lib/functions.sh. /etc/played says whose: `old` (OpenWrt, RutOS to 7.13) looks
# for the list of files in /usr/lib/opkg/info, `new` (RutOS from 7.14) below `dest root` of /etc/opkg.conf.
played_prefix() {
	[ "$(cat /etc/played)" = new ] || return 0
	sed -n 's,^dest root \(/.*[^/]\)/*$,\1,p' /etc/opkg.conf
}

# played_services NAME: the init scripts among the package's files.
played_services() {
	sed -n "s,^$(played_prefix)\(/etc/init.d/.*\),\1,p" "$(played_prefix)/usr/lib/opkg/info/$1.list" 2>/dev/null
}

default_postinst() {
	for played_init in $(played_services "$(basename "${1%.*}")"); do
		[ "$PKG_UPGRADE" = 1 ] || "$(played_prefix)$played_init" enable
		"$(played_prefix)$played_init" start
	done
}

default_prerm() {
	for played_init in $(played_services "$(basename "${1%.*}")"); do
		[ "$PKG_UPGRADE" = 1 ] || "$(played_prefix)$played_init" disable
		"$(played_prefix)$played_init" stop
	done
}
