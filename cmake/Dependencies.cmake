# Everything isogloss links, found deterministically, refused with the remedy.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(isogloss_require target module debian what)
  pkg_check_modules(${target} IMPORTED_TARGET ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "isogloss needs ${module} (${what}).\n"
      "  Debian or Ubuntu: apt-get install ${debian}\n"
      "  elsewhere: install or load ${module} and make its .pc file visible in PKG_CONFIG_PATH")
  endif()
endfunction()

isogloss_require(JANSSON jansson libjansson-dev "JSON")
isogloss_require(YAML yaml-0.1 libyaml-dev "campaign files")
isogloss_require(GSL gsl libgsl-dev "statistics; 2.5 or newer")

# HDF5. Debian installs serial, Open MPI and MPICH flavours side by side and
# CMake's own module takes the serial one by default; so ask for the flavour.
if(ISOGLOSS_MPI)
  find_package(MPI COMPONENTS C)
  if(NOT MPI_C_FOUND)
    message(FATAL_ERROR "isogloss needs an MPI compiler (Open MPI).\n"
      "  Debian or Ubuntu: apt-get install openmpi-bin libopenmpi-dev\n"
      "  cluster: load its Open MPI module, or set MPI_HOME\n"
      "  analysis only, without MPI: cmake -DISOGLOSS_MPI=OFF")
  endif()
  set(HDF5_PREFER_PARALLEL ON)
  if(NOT HDF5_C_COMPILER_EXECUTABLE AND NOT HDF5_ROOT AND NOT DEFINED ENV{HDF5_ROOT})
    find_program(ISOGLOSS_H5PCC NAMES h5pcc.openmpi h5pcc)
    if(ISOGLOSS_H5PCC)
      set(HDF5_C_COMPILER_EXECUTABLE ${ISOGLOSS_H5PCC})
    endif()
  endif()
  find_package(HDF5 COMPONENTS C HL)
  if(NOT HDF5_FOUND OR NOT HDF5_IS_PARALLEL)
    message(FATAL_ERROR "isogloss needs parallel HDF5; found: "
      "${HDF5_C_COMPILER_EXECUTABLE} ${HDF5_VERSION} (parallel: ${HDF5_IS_PARALLEL}).\n"
      "  Debian or Ubuntu: apt-get install libhdf5-openmpi-dev\n"
      "  cluster: load the hdf5 module built with your MPI, or give -DHDF5_ROOT=DIR or\n"
      "           -DHDF5_C_COMPILER_EXECUTABLE=/path/to/h5pcc\n"
      "  analysis only, on serial HDF5: cmake -DISOGLOSS_MPI=OFF")
  endif()
else()
  if(NOT HDF5_C_COMPILER_EXECUTABLE AND NOT HDF5_ROOT AND NOT DEFINED ENV{HDF5_ROOT})
    find_program(ISOGLOSS_H5CC NAMES h5cc)
    if(ISOGLOSS_H5CC)
      set(HDF5_C_COMPILER_EXECUTABLE ${ISOGLOSS_H5CC})
    endif()
  endif()
  find_package(HDF5 COMPONENTS C HL)
  if(NOT HDF5_FOUND)
    message(FATAL_ERROR "isogloss needs HDF5.\n"
      "  Debian or Ubuntu: apt-get install libhdf5-dev\n"
      "  cluster: load an hdf5 module, or give -DHDF5_ROOT=DIR")
  endif()
endif()
message(STATUS "HDF5 ${HDF5_VERSION} (parallel: ${HDF5_IS_PARALLEL}) by ${HDF5_C_COMPILER_EXECUTABLE}")
