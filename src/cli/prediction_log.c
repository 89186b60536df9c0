/* See prediction_log.h. */
#include "prediction_log.h"

#include "explained.h"
#include "record_door.h"
#include "watching.h"

static mw_status read_age(const char *text, uint64_t *ret_ms, mw_error *err)
{
    int64_t since, now = mw_clock_wall_ms();
    *ret_ms = 0;
    if (!text || strcmp(text, "never") == 0)
        return MW_OK;
    MW_TRY(cli_read_moment(text, false, &since, err));
    *ret_ms = since < now ? (uint64_t)(now - since) : 1;
    return MW_OK;
}

/* A topic has what the log has, and contributions stand in it. */
static mw_status check_alone(const cli_call *call, mw_error *err)
{
    const cli_setting *kafka = &call->settings[CLI_LOG_KAFKA];
    const cli_setting *contributions = &call->settings[CLI_LOG_CONTRIBUTIONS];
    if (contributions->number > 0) {
        mw_fail(err, MW_E_OPTION_VALUE,
                "contributions are kept in the prediction log, which is off");
        mw_at(err, "%s", contributions->place ? contributions->place : "--log-contributions");
        return mw_mend(err, "add --log on, or take them out");
    }
    if (!kafka->text)
        return MW_OK;
    mw_fail(err, MW_E_OPTION_VALUE, "rows go to a topic out of the prediction log, which is off");
    mw_at(err, "%s", kafka->place ? kafka->place : "--log-kafka");
    return mw_mend(err, "add --log on; --log-size bounds what it takes on the disk");
}

mw_status cli_log_open(const cli_call *call, cli_watching *watching, cli_explained *explained,
                       mw_journal **ret_journal, mw_error *err)
{
    char folder[4096];
    const cli_setting *settings = call->settings;
    const char *to = settings[CLI_LOG].text;
    *ret_journal = NULL;
    if (!to || strcmp(to, "off") == 0)
        return check_alone(call, err);
    bool in_data = strcmp(to, "on") == 0;
    snprintf(folder, sizeof folder, "%s%s", in_data ? settings[CLI_DATA].text : to,
             in_data ? "/log" : "");
    mw_journal_options options = {.folder = folder,
                                  .sample = (double)settings[CLI_LOG_SAMPLE].number / CLI_BILLION,
                                  .hashed = settings[CLI_LOG_HASH].text,
                                  .dropped = settings[CLI_LOG_DROP].text,
                                  .slices = settings[CLI_LOG_SLICES].text,
                                  .kafka = settings[CLI_LOG_KAFKA].text,
                                  .kafka_settings = settings[CLI_LOG_KAFKA_SETTINGS].text,
                                  .bytes_max = settings[CLI_LOG_SIZE].number,
                                  .truth = watching ? cli_watching_truth : NULL,
                                  .truth_user = watching,
                                  .explainer = cli_explained_logger(explained)};
    if (read_age(settings[CLI_LOG_AGE].text, &options.age_ms_max, err) != MW_OK)
        return mw_at(err, "%s",
                     settings[CLI_LOG_AGE].place ? settings[CLI_LOG_AGE].place : "--log-age");
    return mw_journal_open(&options, ret_journal, err);
}

void cli_log_tap(void *journal, const mw_answered *a)
{
    mw_journal_tap(journal, &(mw_journal_entry){a->endpoint, a->version, a->forest, a->request_id,
                                                a->rows, a->values, a->n_outputs});
}

mw_status cli_log_watch_fairness(mw_journal *journal, const char *endpoint,
                                 const mw_fair_plan *plan, mw_error *err)
{
    static const mw_fair_plan none = {.n_attributes = 0};
    if (journal)
        return mw_journal_watch_fairness(journal, endpoint, plan ? plan : &none, err);
    if (!plan)
        return MW_OK;
    mw_fail(err, MW_E_JOURNAL_OFF, "the fairness of '%s' is told from kept predictions", endpoint);
    return mw_mend(err, "--log on, or take fairness_groups out");
}

mw_status cli_log_query(const cli_call *call, mw_log_query *ret, mw_error *err)
{
    const cli_setting *settings = call->settings;
    *ret = (mw_log_query){.endpoint = mw_view_of(settings[CLI_OF_ENDPOINT].text),
                          .version = (unsigned)settings[CLI_MODEL_VERSION].number,
                          .id = mw_view_of(settings[CLI_PREDICTION_ID].text)};
    if (settings[CLI_SINCE].text)
        MW_TRY(cli_read_moment(settings[CLI_SINCE].text, false, &ret->from_ms, err));
    if (settings[CLI_UNTIL].text)
        MW_TRY(cli_read_moment(settings[CLI_UNTIL].text, false, &ret->to_ms, err));
    return MW_OK;
}
