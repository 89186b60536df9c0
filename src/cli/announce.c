/* What `serve` and `demo` say once they are ready. */
#include "announce.h"
#include "sample.h"

void cli_write_forest(const mw_forest *forest, mw_buf *out)
{
    mw_buf_format(out, "%s, ", mw_format_name(forest->format));
    if (forest->linear_weights)
        mw_buf_text(out, "linear, ");
    else
        mw_buf_format(out, "%zu tree%s, ", forest->n_trees, forest->n_trees == 1 ? "" : "s");
    mw_buf_format(out, "%zu feature%s, ", forest->n_features, forest->n_features == 1 ? "" : "s");
    if (forest->n_classes == 2)
        mw_buf_text(out, "binary");
    else if (forest->n_classes > 2)
        mw_buf_format(out, "%zu classes", forest->n_classes);
    else
        mw_buf_text(out, forest->objective);
}

/* curl reaches a unix socket by an option; the host in the URL is then only a name. */
static void write_base(const char *url, mw_buf *out)
{
    bool is_file = strncmp(url, "unix:", 5) == 0;
    bool has_name = is_file && url[5] == '@';
    mw_buf_text(out, "curl -s ");
    if (is_file) {
        mw_buf_text(out, has_name ? "--abstract-unix-socket " : "--unix-socket ");
        cli_write_shell_quoted(mw_view_of(url + 5 + has_name), out);
        mw_buf_char(out, ' ');
    }
    mw_buf_text(out, is_file ? "http://localhost" : url);
}

void cli_write_curl(const char *url, const char *name, bool alone, const mw_forest *forest,
                    mw_buf *out)
{
    mw_buf body;
    mw_buf_init(&body, MW_MIB);
    write_base(url, out);
    if (!forest || !cli_sample_body(forest, &body))
        mw_buf_format(out, "/v2/models/%s", name);
    else {
        if (alone)
            mw_buf_text(out, "/invocations");
        else
            mw_buf_format(out, "/endpoints/%s/invocations", name);
        mw_buf_text(out, " -H 'content-type: application/json' -d ");
        cli_write_shell_quoted(mw_buf_as_view(&body), out);
    }
    mw_buf_done(&body);
}
