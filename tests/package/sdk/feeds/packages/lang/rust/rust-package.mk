# Plays the packages feed's rust-package.mk: Build/Compile/Cargo(path, arguments) and RustBinPackage, by their own comments.
RUST_ARCH_DEPENDS:=@(mips||mipsel)
RUST_PKG_LOCKED?=1
define Build/Compile/Cargo
	cargo install -v --root $(PKG_INSTALL_DIR) --path "$(PKG_BUILD_DIR)/$(strip $(1))" \
		$(if $(filter 1,$(RUST_PKG_LOCKED)),--locked) $(2)
endef
Build/Compile=$(call Build/Compile/Cargo)
define RustBinPackage
endef
