# SPDX-License-Identifier: MIT
# What build_recipes.sh gives the portfile in place of vcpkg's functions of these names: a shared release build on Linux.
function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result)
    if(result)
        message(FATAL_ERROR "failed: ${ARGV}")
    endif()
endfunction()

function(vcpkg_download_distfile variable)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILENAME;SHA512" "URLS")
    if(NOT arg_FILENAME MATCHES "${VERSION}" OR NOT arg_URLS MATCHES "${VERSION}")
        message(FATAL_ERROR "not of this version: ${arg_FILENAME} ${arg_URLS}")
    endif()
    set(${variable} "${ARCHIVE_FILE}" PARENT_SCOPE)
endfunction()

function(vcpkg_extract_source_archive variable)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ARCHIVE" "")
    if(NOT arg_ARCHIVE)
        list(GET ARGN 0 arg_ARCHIVE)
    endif()
    file(ARCHIVE_EXTRACT INPUT "${arg_ARCHIVE}" DESTINATION "${WORK}/source")
    set(${variable} "${WORK}/source/libadaptau-${VERSION}" PARENT_SCOPE)
endfunction()

function(vcpkg_configure_meson)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    run(meson setup "${WORK}/source/libadaptau-${VERSION}/build" "${arg_SOURCE_PATH}" --buildtype=release --default-library=shared --wrap-mode=nodownload
        --prefix=${CURRENT_PACKAGES_DIR} --libdir=lib ${arg_OPTIONS})
endfunction()

function(vcpkg_install_meson)
    run(meson install -C "${WORK}/source/libadaptau-${VERSION}/build")
endfunction()

function(vcpkg_fixup_pkgconfig)
    if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/adaptau.pc")
        message(FATAL_ERROR "no adaptau.pc")
    endif()
endfunction()

function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "PACKAGE_NAME;CONFIG_PATH" "")
    file(GLOB configs "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*.cmake")
    if(NOT configs)
        message(FATAL_ERROR "nothing in ${arg_CONFIG_PATH}")
    endif()
    file(COPY ${configs} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME}")
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake")
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    file(COPY ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/libadaptau")
    file(RENAME "${CURRENT_PACKAGES_DIR}/share/libadaptau/LICENSE" "${CURRENT_PACKAGES_DIR}/share/libadaptau/copyright")
endfunction()

include("${PORTFILE}")
