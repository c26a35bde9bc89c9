# SPDX-License-Identifier: MIT
# The archive of the release, by the sum that RELEASING.md writes here.
vcpkg_download_distfile(ARCHIVE
    URLS "file:///srv/releases/libadaptau-${VERSION}.tar.xz"
    FILENAME "libadaptau-${VERSION}.tar.xz"
    SHA512 0
)
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

vcpkg_configure_meson(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -Dblas=reference
        -Dtests=false
        -Dexamples=false
        -Dbench=false
)
vcpkg_install_meson()
vcpkg_fixup_pkgconfig()
vcpkg_cmake_config_fixup(PACKAGE_NAME adaptau CONFIG_PATH lib/cmake/adaptau)

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
