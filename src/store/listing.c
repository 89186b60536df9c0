/* Pages of ListObjectsV2 and ListMultipartUploads. */
#include "listing.h"

#include <string.h>
#include <time.h>

static mw_view find_between(mw_view text, const char *open, const char *close, size_t *ret_end)
{
    size_t open_size = strlen(open), close_size = strlen(close);
    const char *begin = memmem(text.data, text.size, open, open_size);
    if (!begin)
        return (mw_view){NULL, 0};
    begin += open_size;
    const char *end = memmem(begin, (size_t)(text.data + text.size - begin), close, close_size);
    if (!end)
        return (mw_view){NULL, 0};
    *ret_end = (size_t)(end - text.data) + close_size;
    return (mw_view){begin, (size_t)(end - begin)};
}

mw_view store_xml_text(mw_view xml, const char *tag)
{
    char open[40], close[41];
    size_t end;
    snprintf(open, sizeof open, "<%s>", tag);
    snprintf(close, sizeof close, "</%s>", tag);
    return xml.data ? find_between(xml, open, close, &end) : (mw_view){NULL, 0};
}

int64_t store_moment_of(mw_view text)
{
    char copy[32];
    struct tm when = {0};
    if (text.size < 19 || text.size >= sizeof copy)
        return 0;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return strptime(copy, "%Y-%m-%dT%H:%M:%S", &when) ? (int64_t)timegm(&when) * 1000 : 0;
}

/* Moves *xml behind it. */
static mw_view next_item(mw_view *xml, const char *open, const char *close)
{
    size_t end = 0;
    mw_view item = xml->data ? find_between(*xml, open, close, &end) : (mw_view){NULL, 0};
    if (item.data)
        *xml = (mw_view){xml->data + end, xml->size - end};
    return item;
}

bool store_next_object(mw_view *xml, store_object *ret_object)
{
    uint64_t bytes;
    mw_view item = next_item(xml, "<Contents>", "</Contents>");
    if (!item.data)
        return false;
    ret_object->key = store_xml_text(item, "Key");
    ret_object->modified_ms = store_moment_of(store_xml_text(item, "LastModified"));
    mw_view size = store_xml_text(item, "Size");
    if (!ret_object->key.data || !size.data || !mw_whole_parse(size, &bytes) || bytes > INT64_MAX)
        return false;
    ret_object->bytes = (int64_t)bytes;
    return true;
}

bool store_next_parts(mw_view *xml, store_parts *ret_parts)
{
    mw_view item = next_item(xml, "<Upload>", "</Upload>");
    if (!item.data)
        return false;
    ret_parts->key = store_xml_text(item, "Key");
    ret_parts->id = store_xml_text(item, "UploadId");
    ret_parts->begun_ms = store_moment_of(store_xml_text(item, "Initiated"));
    return ret_parts->key.data && ret_parts->id.data;
}
