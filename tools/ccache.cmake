# SPDX-License-Identifier: GPL-2.0-or-later
# Compiles through ccache where it is installed. Read by the presets, see CMakePresets.json.
find_program(VMIGRATE_CCACHE ccache)
if(VMIGRATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VMIGRATE_CCACHE})
endif()
