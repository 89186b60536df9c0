/* What must not be told: values of parameters and headers that open doors. */
#include "record.h"

static const char *const usual[] = {
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "client_secret",
    "code",
    "cookie",
    "credential",
    "id_token",
    "jwt",
    "key",
    "passwd",
    "password",
    "proxy-authorization",
    "pwd",
    "refresh_token",
    "secret",
    "session",
    "session_id",
    "set-cookie",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
};

static bool is_of(const char *list, mw_view name)
{
    while (list && *list) {
        const char *comma = strchr(list, ',');
        size_t size = comma ? (size_t)(comma - list) : strlen(list);
        char item[MW_LIMIT_NAME_BYTES + 1];
        mw_view trimmed = mw_view_trim((mw_view){list, size});
        if (trimmed.size == name.size && trimmed.size < sizeof item) {
            memcpy(item, trimmed.data, trimmed.size);
            item[trimmed.size] = '\0';
            if (mw_view_is_nocase(name, item))
                return true;
        }
        list = comma ? comma + 1 : NULL;
    }
    return false;
}

bool observe_is_private(const observe_mask *mask, mw_view name)
{
    for (size_t i = 0; i < MW_COUNT(usual); i++)
        if (strlen(usual[i]) == name.size && mw_view_is_nocase(name, usual[i]))
            return true;
    return is_of(mask->further, name);
}

/* A name in the address may be written with escapes: they are undone before it is looked at. */
static mw_view plain_name(mw_view name, char room[MW_LIMIT_NAME_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < name.size && n < MW_LIMIT_NAME_BYTES; i++) {
        bool may = name.data[i] == '%' && i + 2 < name.size;
        int byte = may ? mw_hex_byte(name.data + i + 1) : -1;
        room[n++] = byte >= 0 ? (char)byte : name.data[i];
        i += byte >= 0 ? 2 : 0;
    }
    return (mw_view){room, n};
}

void observe_write_query(const observe_mask *mask, mw_view query, mw_buf *out)
{
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        size_t size = end ? (size_t)(end - query.data) : query.size;
        const char *equals = memchr(query.data, '=', size);
        mw_view name = {query.data, equals ? (size_t)(equals - query.data) : size};
        char room[MW_LIMIT_NAME_BYTES];
        if (equals && observe_is_private(mask, plain_name(name, room))) {
            mw_buf_bytes(out, query.data, name.size + 1);
            mw_buf_text(out, "***");
        } else {
            mw_buf_bytes(out, query.data, size);
        }
        if (end)
            mw_buf_char(out, '&');
        size += end != NULL;
        query = (mw_view){query.data + size, query.size - size};
    }
}
