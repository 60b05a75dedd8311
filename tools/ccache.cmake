# SPDX-License-Identifier: GPL-2.0-or-later
# Compiles through ccache where it is installed; where the tree lies makes no difference to the cache. Read by the
# presets, see CMakePresets.json.
find_program(VMIGRATE_CCACHE ccache)
if(VMIGRATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${VMIGRATE_CCACHE})
endif()
