/* Pages of ListObjectsV2 and ListMultipartUploads, and other small XML of S3's answers: found by
 * their tags, no XML parser. What is not of that form is not found; nothing is trusted but digests
 * and numbers. Pure. */
#ifndef STORE_LISTING_H
#define STORE_LISTING_H

#include "store.h"

/* The text between the first <tag> and </tag>; absent: data is NULL. */
mw_view store_xml_text(mw_view xml, const char *tag);

/* "2026-11-27T18:00:00.000Z" in ms since 1970; 0 when it is not one. */
int64_t store_moment_of(mw_view text);

typedef struct store_object {
    mw_view key; /* as it stands there: with entities */
    int64_t bytes, modified_ms;
} store_object;

/* The next <Contents>; moves *xml behind it. False: there is none, or it is not of that form. */
bool store_next_object(mw_view *xml, store_object *ret_object);

typedef struct store_parts {
    mw_view key, id; /* as they stand there */
    int64_t begun_ms;
} store_parts;

/* The same of the next <Upload>. */
bool store_next_parts(mw_view *xml, store_parts *ret_parts);

#endif
