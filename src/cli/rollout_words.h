/* Rollouts for people: from the JSON that a record at hand and a server give alike. */
#ifndef CLI_ROLLOUT_WORDS_H
#define CLI_ROLLOUT_WORDS_H

#include "base/base.h"

/* Of what mw_rollout_tell has written, some lines. */
void cli_rollout_words(const mw_json *rollout, mw_buf *out);
/* Of what mw_rollout_tell_event has written, a line. */
void cli_rollout_event_words(const mw_json *event, mw_buf *out);

#endif
