/* Bytes as a configuration file: any input gives settings or an error with a place, never a crash.
 */
#include "cli/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_call call = {.command = cli_command_named(MW_VIEW("serve"))};
    cli_place place;
    mw_error err = {0};
    mw_view text = {(const char *)data, size};
    mw_arena_init(&call.arena, 4096, 64 * MW_MIB);
    mw_buf_init(&call.excerpt, 4096);
    if (cli_config_read(&call, text, "fuzz.yaml", "conf", &place, &err) != MW_OK) {
        if (err.status == MW_OK || !err.what[0])
            __builtin_trap(); /* a failure that says nothing */
        cli_write_excerpt(&call.excerpt, text, place);
        mw_error_print(&err, &call.excerpt);
    }
    mw_buf_done(&call.excerpt);
    mw_arena_done(&call.arena);
    return 0;
}
