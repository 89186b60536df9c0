/* The calls of alerts in /openapi.json, from the table that answers them. */
#include <ctype.h>

#include "alerts.h"
#include "openapi.h"

static void write_call(mw_buf *out, mw_method method, const char *path, const char *summary)
{
    mw_buf_char(out, '"');
    openapi_write_method(out, method);
    mw_buf_text(out, "\": {\"tags\": [\"alerts\"], \"operationId\": \"");
    openapi_write_method(out, method);
    for (const char *c = path; *c; c++)
        mw_buf_char(out, isalnum((unsigned char)*c) ? *c : '_');
    mw_buf_text(out, "\", \"summary\": ");
    mw_json_write_text(out, mw_view_of(summary));
    mw_buf_text(out, strstr(path, "{id}")
                         ? ", \"parameters\": [{\"name\": \"id\", \"in\": \"path\", \"required\": "
                           "true, \"schema\": {\"type\": \"string\"}}]"
                         : "");
    if (method == MW_POST)
        mw_buf_text(out, ", \"requestBody\": {\"content\": {\"application/json\": {\"schema\": "
                         "{\"type\": \"object\"}}}}");
    mw_buf_text(out, ", \"responses\": {\"200\": {\"description\": \"OK\", \"content\": "
                     "{\"application/json\": {\"schema\": {\"type\": \"object\"}}}}, \"4XX\": "
                     "{\"description\": \"Refused, and how to mend it\"}}}");
}

/* The methods of a path stand in one object. */
void openapi_write_alerts(mw_buf *out)
{
    mw_method method;
    const char *path, *other, *summary;
    for (size_t i = 0; api_alerts_call(i, &method, &path, &summary); i++) {
        bool was_written = false;
        for (size_t before = 0; before < i; before++) {
            api_alerts_call(before, &method, &other, &summary);
            was_written = was_written || strcmp(other, path) == 0;
        }
        if (was_written)
            continue;
        mw_buf_format(out, ", \"%s\": {", path);
        size_t n = 0;
        for (size_t j = i; api_alerts_call(j, &method, &other, &summary); j++) {
            if (strcmp(other, path) != 0)
                continue;
            mw_buf_text(out, n++ ? ", " : "");
            write_call(out, method, path, summary);
        }
        mw_buf_char(out, '}');
    }
}
