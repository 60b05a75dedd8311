# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs on what was installed for the packages, before CPack packs it: as Debian wants it, manual pages and changelogs
# are compressed, and programs have no symbols.
file(GLOB_RECURSE texts ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*)
set(programs ${texts})
list(FILTER texts INCLUDE REGEX "/share/man/|/share/doc/[^/]*/changelog")
list(FILTER programs INCLUDE REGEX "/lib/vmigrate-qemu/(bin|libexec)/")
if(texts)
  execute_process(COMMAND gzip -9 -n -f ${texts} COMMAND_ERROR_IS_FATAL ANY)
endif()
if(programs)
  execute_process(COMMAND strip --strip-unneeded --remove-section=.comment --remove-section=.note ${programs}
                  COMMAND_ERROR_IS_FATAL ANY)
endif()
