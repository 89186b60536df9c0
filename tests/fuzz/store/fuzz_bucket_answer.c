/* What a bucket says, and a file of keys: any bytes. */
#include <stdint.h>

#include "store/bucket_keys.h"
#include "store/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    store_object object;
    store_parts parts;
    store_key_ring keys;
    mw_view text = {(const char *)data, size};
    store_xml_text(text, "NextContinuationToken");
    store_keys_parse(text, "default", &keys);
    for (mw_view rest = text; store_next_parts(&rest, &parts);)
        continue;
    while (store_next_object(&text, &object))
        continue;
    return 0;
}
