# embed(TARGET SYMBOL FILE): compiles FILE into TARGET as the constant
# `const char SYMBOL[]`, ended by a zero byte that SYMBOL_size does not count.
function(embed target symbol file)
  get_filename_component(path ${file} ABSOLUTE)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
#include <stddef.h>
extern const char @symbol@[];
extern const size_t @symbol@_size;
__asm__(".section .rodata\n"
	".global @symbol@\n"
	"@symbol@:\n"
	".incbin \"@path@\"\n"
	"@symbol@_end:\n"
	".byte 0\n"
	".balign 8\n"
	".global @symbol@_size\n"
	"@symbol@_size:\n"
	".quad @symbol@_end - @symbol@\n"
	".previous\n");
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${path})
  target_sources(${target} PRIVATE ${source})
endfunction()
