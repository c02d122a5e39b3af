# shellcheck shell=sh
# Plays OpenWrt's /lib/functions/procd.sh, as the words at its head describe it, and of procd what `ubus call service`
# does: a service is a folder below /var/run/procd with a file for each parameter, and /sbin/procd runs it.
PROCD=/var/run/procd

procd_open_service() {
	played=$PROCD/$1
	fresh=$PROCD/.$1.$$
	mkdir -p "$fresh"
}

procd_open_instance() { :; }
procd_close_instance() { :; }

procd_set_param() {
	case $1 in
	command | respawn | env | file | limits | user | group | pidfile | stdout | stderr | term_timeout | reload_signal) ;;
	*)
		echo "procd.sh: there is no parameter $1" >&2
		exit 1
		;;
	esac
	played_type=$1
	shift
	printf '%s\n' "$@" >"$fresh/$played_type"
}

procd_add_reload_trigger() { printf '%s\n' "$@" >"$fresh/triggers"; }

# Nothing happens to a service that is the same as before, with the same content of its files.
procd_close_service() {
	# shellcheck disable=SC2046
	[ ! -e "$fresh/file" ] || sha256sum $(cat "$fresh/file") >"$fresh/sums"
	if [ -d "$played" ] && [ "$(cd "$played" && cat c* f* l* r* s* t*)" = "$(cd "$fresh" && cat c* f* l* r* s* t*)" ]; then
		rm -r "$fresh"
		return
	fi
	[ ! -d "$played" ] || procd_kill "$(basename "$played")"
	touch "$fresh/wanted"
	mv "$fresh" "$played"
	setsid /sbin/procd "$played" </dev/null >/dev/null 2>&1 &
	until [ -s "$played/pid" ]; do sleep 0.1; done
}

# SIGTERM, and SIGKILL after term_timeout; it does not wait.
procd_kill() {
	[ -d "$PROCD/$1" ] || return 4
	pid=$(cat "$PROCD/$1/pid")
	patience=$(cat "$PROCD/$1/term_timeout" 2>/dev/null || echo 5)
	rm "$PROCD/$1/wanted"
	mv "$PROCD/$1" "$PROCD/.ended.$pid"
	kill -s TERM "$pid"
	setsid sh -c "sleep $patience; kill -s KILL $pid && echo procd: $1 was killed >>/var/log/messages" \
		</dev/null >/dev/null 2>&1 &
}

procd_send_signal() {
	[ -d "$PROCD/$1" ] || return 4
	kill -s "$3" "$(cat "$PROCD/$1/pid")"
}

procd_running() { [ -d "$PROCD/$1" ] && kill -0 "$(cat "$PROCD/$1/pid")" 2>/dev/null; }
