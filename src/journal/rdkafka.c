/* librdkafka.so.1, found and loaded. */
#include "rdkafka.h"

rdkafka journal_rd;

mw_status journal_rd_load(mw_error *err)
{
#define ROW(name, result, arguments) MW_SHARED_FUNCTION(rdkafka, name)
    static const mw_shared_function functions[] = {RDKAFKA_FUNCTIONS(ROW)};
#undef ROW
    static mw_shared_library library = {
        .name = "librdkafka",
        .file = "librdkafka.so.1",
        .variable = "MW_LIBRDKAFKA",
        .missing = "Kafka's library, librdkafka, is not installed",
        .mend =
            "apt install librdkafka1 (Fedora: dnf install librdkafka; Alpine: apk add librdkafka)",
        .code = MW_E_KAFKA_LIBRARY,
        .functions = functions,
        .n_functions = MW_COUNT(functions),
    };
    return mw_shared_library_load(&library, &journal_rd, err);
}
