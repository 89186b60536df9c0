/* The finding of a validation for CI systems: JUnit XML, and annotations of GitHub Actions.
 *
 *     JUnit    a <testcase> a check; a failed one has a <failure>, an undecided one <skipped>, so
 *              that it is seen and does not break the build, or a <failure> where it stops
 *     GitHub   ::error file=suite.yaml,line=3,title=metric/roc_auc::0.79, at least 0.8 */
#include "validate.h"
#include "report/report.h"

static size_t count_failures(const cli_validation *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_checks; i++)
        n += v->checks[i].stops;
    return n;
}

static size_t count_skipped(const cli_validation *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_checks; i++)
        n += v->checks[i].verdict == CLI_UNDECIDED && !v->checks[i].stops;
    return n;
}

static void put_attribute(mw_buf *out, const char *name, mw_view text)
{
    mw_buf_format(out, " %s=\"", name);
    mw_put_escaped(out, text);
    mw_buf_char(out, '"');
}

/* "metric/roc_auc": class "metric", name "roc_auc". */
static void put_case(const cli_validation *v, const cli_check *check, mw_buf *out)
{
    mw_view rest = check->name, group = mw_view_cut(&rest, '/');
    mw_buf_text(out, "    <testcase classname=\"millwright.");
    mw_put_escaped(out, group);
    mw_buf_char(out, '"');
    put_attribute(out, "name", rest.size > 0 ? rest : group);
    if (check->line > 0) {
        put_attribute(out, "file", mw_view_of(v->suite.path));
        mw_buf_format(out, " line=\"%u\"", check->line);
    }
    if (check->verdict == CLI_PASS) {
        mw_buf_text(out, "/>\n");
        return;
    }
    mw_buf_char(out, '>');
    mw_buf_text(out, check->stops ? "<failure type=\"check\"" : "<skipped");
    put_attribute(out, "message", check->why);
    mw_buf_text(out, "/></testcase>\n");
}

void cli_validate_junit(const cli_validation *v, mw_buf *out)
{
    mw_buf_format(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" "
                  "failures=\"%zu\" errors=\"0\">\n  <testsuite",
                  v->n_checks, count_failures(v));
    put_attribute(out, "name", mw_view_of(v->model.text));
    mw_buf_format(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n",
                  v->n_checks, count_failures(v), count_skipped(v));
    for (size_t i = 0; i < v->n_checks; i++)
        put_case(v, &v->checks[i], out);
    mw_buf_text(out, "  </testsuite>\n</testsuites>\n");
}

/* Of a property also ':' and ','. */
static void put_github(mw_buf *out, mw_view text, bool is_property)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ',')))
            mw_buf_format(out, "%%%02X", c);
        else
            mw_buf_char(out, (char)c);
    }
}

void cli_validate_github(const cli_validation *v, mw_buf *out)
{
    mw_buf headline;
    for (size_t i = 0; i < v->n_checks; i++) {
        const cli_check *check = &v->checks[i];
        if (check->verdict == CLI_PASS)
            continue;
        mw_buf_text(out, check->stops ? "::error " : "::warning ");
        if (check->line > 0) {
            mw_buf_text(out, "file=");
            put_github(out, mw_view_of(v->suite.path), true);
            mw_buf_format(out, ",line=%u,", check->line);
        }
        mw_buf_text(out, "title=");
        put_github(out, check->name, true);
        mw_buf_text(out, "::");
        put_github(out, check->why, false);
        mw_buf_char(out, '\n');
    }
    mw_buf_init(&headline, MW_KIB);
    cli_validate_headline(v, &headline);
    mw_buf_text(out, "::notice title=");
    put_github(out, mw_view_of(v->model.text), true);
    mw_buf_text(out, "::");
    put_github(out, mw_buf_as_view(&headline), false);
    mw_buf_char(out, '\n');
    mw_buf_done(&headline);
}
