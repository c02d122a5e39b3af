# Plays OpenWrt's rules.mk as far as our Makefile uses it.
INCLUDE_DIR:=$(TOPDIR)/include
PKG_BUILD_DIR=$(WORK)/build
PKG_INSTALL_DIR=$(WORK)/installed
CP:=cp -fpR
INSTALL_BIN:=install -m0755
INSTALL_DIR:=install -d -m0755
INSTALL_DATA:=install -m0644
INSTALL_CONF:=install -m0600
