# Writes OUT, a header that says which commit of SOURCE is built; left alone
# when it says so already, so that nothing is compiled anew. $BYOC_COMMIT speaks
# for sources without a repository.
cmake_minimum_required(VERSION 3.25)
set(commit "$ENV{BYOC_COMMIT}")
find_program(GIT git)
if(NOT commit AND GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${GIT} -C ${SOURCE} diff --quiet HEAD --
    src include schema/migrations RESULT_VARIABLE changed ERROR_QUIET)
endif()
string(REGEX MATCH "^[0-9a-f]+" commit "${commit}")
string(SUBSTRING "${commit}" 0 12 commit)
if(NOT commit)
  set(commit "of unknown commit")
elseif(changed)
  string(APPEND commit ", changed")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define BYOC_COMMIT \"@commit@\"\n")
