/* The finding of a drift check as markup: one HTML page without anything from elsewhere, and JUnit.
 *
 * A feature's bins are pairs of bars, drawn as SVG: grey the reference, coloured the current rows.
 */
#include "drift.h"
#include "report/report.h"

#include <math.h>

enum { BAR_WIDTH = 7, BAR_GAP = 3, CHART_HEIGHT = 44, CHART_BINS = 24 };

static void put_why(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out)
{
    mw_buf why;
    mw_buf_init(&why, 4 * MW_KIB);
    cli_drift_why(job, feature, &why);
    mw_put_escaped(out, mw_buf_as_view(&why));
    mw_buf_done(&why);
}

/* ---- HTML ------------------------------------------------------------------------------------ */

static void put_bar(double share, double peak, size_t x, const char *colour, mw_buf *out)
{
    double height = peak > 0 ? share / peak * CHART_HEIGHT : 0;
    mw_buf_format(out,
                  "<rect x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" style=\"fill:%s\"/>", x,
                  CHART_HEIGHT - height, BAR_WIDTH, height, colour);
}

static void put_title(const cli_drift_bin *bin, double r, double c, mw_buf *out)
{
    mw_buf_text(out, "<title>");
    if (bin->is_missing)
        mw_buf_text(out, "missing");
    else if (bin->text.data)
        mw_put_escaped(out, bin->text);
    else if (isinf(bin->low))
        mw_buf_format(out, "up to %.4g", bin->high);
    else if (isinf(bin->high))
        mw_buf_format(out, "above %.4g", bin->low);
    else
        mw_buf_format(out, "%.4g to %.4g", bin->low, bin->high);
    mw_buf_format(out, ": %.1f %% -&gt; %.1f %%</title>", 100 * r, 100 * c);
}

static void put_chart(const cli_drift_feature *feature, mw_buf *out)
{
    double total_r = 0, total_c = 0, peak = 0;
    size_t n = feature->n_bins < CHART_BINS ? feature->n_bins : CHART_BINS;
    for (size_t i = 0; i < feature->n_bins; i++) {
        total_r += feature->bins[i].reference;
        total_c += feature->bins[i].current;
    }
    if (n == 0 || total_r == 0 || total_c == 0)
        return;
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak,
                    fmax(feature->bins[i].reference / total_r, feature->bins[i].current / total_c));
    size_t step = 2 * BAR_WIDTH + BAR_GAP;
    mw_buf_format(out, "<svg viewBox=\"0 0 %zu %d\" width=\"%zu\" height=\"%d\" role=\"img\">",
                  n * step, CHART_HEIGHT, n * step, CHART_HEIGHT);
    for (size_t i = 0; i < n; i++) {
        const cli_drift_bin *bin = &feature->bins[i];
        double r = bin->reference / total_r, c = bin->current / total_c;
        mw_buf_text(out, "<g>");
        put_title(bin, r, c, out);
        put_bar(r, peak, i * step, "var(--faint)", out);
        put_bar(c, peak, i * step + BAR_WIDTH,
                cli_drift_has_drifted(feature) ? "var(--c2)" : "var(--c1)", out);
        mw_buf_text(out, "</g>");
    }
    mw_buf_text(out, "</svg>");
}

static void put_row(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out)
{
    const mw_drift_feature *m = &feature->measured;
    bool compared = feature->state == CLI_DRIFT_COMPARED;
    const char *style = cli_drift_has_drifted(feature)             ? "fail"
                        : compared && m->verdict == MW_DRIFT_WATCH ? "undecided"
                                                                   : "quiet";
    mw_buf_text(out, "<tr><td>");
    mw_put_escaped(out, feature->name);
    mw_buf_format(out, "</td><td class=\"%s\">%s</td><td class=\"n\">", style,
                  cli_drift_state_name(feature));
    if (compared) {
        mw_buf_format(out, "%s ", mw_drift_method_name(m->method));
        cli_drift_number(out, m->statistic);
    }
    mw_buf_text(out, "</td><td>");
    put_chart(feature, out);
    mw_buf_text(out, "</td><td>");
    put_why(job, feature, out);
    mw_buf_text(out, "</td></tr>\n");
}

static void put_sentence(const cli_drift *job, void write(const cli_drift *job, mw_buf *out),
                         mw_buf *out)
{
    mw_buf sentence;
    mw_buf_init(&sentence, 4 * MW_KIB);
    write(job, &sentence);
    if (sentence.size > 0) {
        mw_buf_text(out, "<p>");
        mw_put_escaped(out, mw_buf_as_view(&sentence));
        mw_buf_text(out, "</p>\n");
    }
    mw_buf_done(&sentence);
}

void cli_drift_html(const cli_drift *job, mw_buf *out)
{
    mw_page_open(out, "Drift report", MW_VIEW(""));
    mw_buf_text(out, "<h1>");
    cli_drift_headline(job, out);
    mw_buf_text(out, "</h1>\n<p>Reference ");
    mw_put_escaped(out, mw_view_of(job->reference.path));
    mw_buf_format(out, ": %zu rows. Current ", job->reference.frame.n_rows);
    mw_put_escaped(out, mw_view_of(job->current.path));
    mw_buf_format(out, ": %zu rows. Profile %s.", job->current.frame.n_rows,
                  mw_drift_profile_name(job->options.profile));
    for (size_t i = 0; i < job->n_added; i++) {
        mw_buf_text(out, i ? ", " : " New columns: ");
        mw_put_escaped(out, job->added[i]);
    }
    mw_buf_text(out, "</p>\n");
    put_sentence(job, cli_drift_joint_sentence, out);
    put_sentence(job, cli_drift_mmd_sentence, out);
    mw_page_open_frame(out, MW_VIEW("columns"), false);
    mw_buf_text(out, "<table><thead><tr><th>Feature</th><th>Verdict</th><th>Measure</th>"
                     "<th>Reference and current</th><th>Why</th></tr></thead><tbody>\n");
    for (int drifted = 1; drifted >= 0; drifted--)
        for (size_t f = 0; f < job->n_features; f++)
            if (cli_drift_has_drifted(&job->features[f]) == (drifted == 1))
                put_row(job, &job->features[f], out);
    mw_buf_text(out, "</tbody></table>");
    mw_page_close_frame(out);
    mw_page_close(out);
}

/* ---- JUnit ----------------------------------------------------------------------------------- */

static void put_case(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out)
{
    bool drifted = job->summary.drifted && cli_drift_has_drifted(feature);
    bool skipped =
        !cli_drift_has_drifted(feature) && feature->measured.verdict == MW_DRIFT_NOT_ENOUGH;
    mw_buf_text(out, "    <testcase classname=\"drift\" name=\"");
    mw_put_escaped(out, feature->name);
    if (!drifted && !skipped) {
        mw_buf_text(out, "\" time=\"0\"/>\n");
        return;
    }
    mw_buf_format(out, "\" time=\"0\">\n      <%s message=\"", drifted ? "failure" : "skipped");
    mw_buf_format(out, "%s: ", cli_drift_state_name(feature));
    put_why(job, feature, out);
    mw_buf_text(out, drifted ? "\" type=\"drift\"/>\n" : "\"/>\n");
    mw_buf_text(out, "    </testcase>\n");
}

static size_t count_skipped(const cli_drift *job)
{
    size_t n = 0;
    for (size_t f = 0; f < job->n_features; f++)
        n += job->features[f].state == CLI_DRIFT_COMPARED &&
             !cli_drift_has_drifted(&job->features[f]) &&
             job->features[f].measured.verdict == MW_DRIFT_NOT_ENOUGH;
    return n;
}

/* A case a feature, and one for the data set, which decides: features fail only where it drifted,
 * so that report and exit code agree. */
void cli_drift_junit(const cli_drift *job, mw_buf *out)
{
    const mw_drift_summary *s = &job->summary;
    size_t failures = s->drifted ? s->n_drifted + 1 : 0, tests = s->n_features + 1;
    size_t skipped = count_skipped(job);
    mw_buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    mw_buf_format(out,
                  "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n"
                  "  <testsuite name=\"drift\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                  "skipped=\"%zu\" time=\"0\">\n"
                  "    <testcase classname=\"drift\" name=\"data set\" time=\"0\"",
                  tests, failures, tests, failures, skipped);
    if (s->drifted) {
        mw_buf_text(out, ">\n      <failure message=\"");
        cli_drift_headline(job, out);
        mw_buf_text(out, "\" type=\"drift\"/>\n    </testcase>\n");
    } else
        mw_buf_text(out, "/>\n");
    for (size_t f = 0; f < job->n_features; f++)
        put_case(job, &job->features[f], out);
    mw_buf_text(out, "  </testsuite>\n</testsuites>\n");
}
