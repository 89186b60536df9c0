/* Bytes as the suite of a validation: any input is read or refused with a place, never a crash. */
#include "cli/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cli_validation v;
    mw_error err = {0};
    mw_view text = {size > 0 ? (const char *)data : "", size};
    memset(&v, 0, sizeof v);
    mw_arena_init(&v.memory, 4096, 64 * MW_MIB);
    if (cli_validate_parse_suite(&v, text, "fuzz.yaml", &err) != MW_OK &&
        (err.status == MW_OK || !err.what[0] || !strstr(err.where, "fuzz.yaml")))
        __builtin_trap(); /* a failure that does not say where */
    mw_yaml_free(v.suite.document);
    mw_arena_done(&v.memory);
    return 0;
}
