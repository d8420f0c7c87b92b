# What `cmake --install` puts where, and the Debian package of it:
#
#   cmake --install build/release --strip --prefix /usr
#   cpack --config build/release/CPackConfig.cmake -B build/release
#
# The worker is not started by the installation: it has no settings yet.
install(TARGETS byoc byoc-worker RUNTIME DESTINATION bin)
install(FILES deploy/systemd/byoc-worker.service
  DESTINATION lib/systemd/system)
install(FILES deploy/systemd/byoc.sysusers
  DESTINATION lib/sysusers.d RENAME byoc.conf)
install(FILES deploy/roles.sql deploy/rabbitmq/definitions.json
  DESTINATION share/byoc)
install(FILES ${CMAKE_BINARY_DIR}/texts/byoc.1 DESTINATION share/man/man1)
install(FILES ${CMAKE_BINARY_DIR}/texts/byoc.bash
  DESTINATION share/bash-completion/completions RENAME byoc)
install(FILES ${CMAKE_BINARY_DIR}/texts/_byoc
  DESTINATION share/zsh/vendor-completions)
install(FILES ${CMAKE_BINARY_DIR}/texts/byoc.fish
  DESTINATION share/fish/vendor_completions.d)
install(FILES README.md DESTINATION share/doc/byoc OPTIONAL)
install(FILES LICENSE DESTINATION share/doc/byoc RENAME copyright OPTIONAL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME byoc)
set(CPACK_PACKAGE_VENDOR "Mengi Cloud")
set(CPACK_PACKAGE_CONTACT "Mengi Cloud <noreply@mengi.cloud>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
  "Kubernetes clusters in customers' own Hetzner Cloud projects")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_SOURCE_DIR}/deploy/systemd/postinst)
include(CPack)
