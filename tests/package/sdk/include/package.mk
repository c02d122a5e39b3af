# Plays OpenWrt's package.mk: BuildPackage takes the definitions of Package/NAME, and `make fields`, `make prepare`,
# `make compile` and `make install` do with them what a build would.
define BuildPackage
  $(eval $(Package/$(1)))
fields:
	@echo '$(PKG_NAME) $(PKG_VERSION)-$(PKG_RELEASE) $(SECTION) $(CATEGORY) $(DEPENDS) $(strip $(Package/$(1)/conffiles))'
	@test -n '$(TITLE)' -a -n '$(PKG_BUILD_DEPENDS)' -a -n '$(strip $(Package/$(1)/description))'
prepare:
	$$(Build/Prepare)
compile:
	$$(Build/Compile)
install:
	$$(call Package/$(1)/install,$(WORK)/root)
endef
