/* Every cap of the program. Reaching one gives a sentence, never a crash.
 * Those that a user may change are the defaults of an option of the same name. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define MW_KIB ((size_t)1024)
#define MW_MIB (1024 * MW_KIB)
#define MW_GIB (1024 * MW_MIB)

/* network */
#define MW_LIMIT_HEAD_BYTES (8 * MW_KIB)   /* request line and headers: 431 beyond */
#define MW_LIMIT_TARGET_BYTES (4 * MW_KIB) /* request target: 414 beyond */
#define MW_LIMIT_HEADERS 100
#define MW_LIMIT_BODY_BYTES (16 * MW_MIB) /* 413 beyond; --max-body */
#define MW_LIMIT_CONNECTIONS 10000        /* 503 beyond; --max-connections */
#define MW_LIMIT_HEAD_MS 5000             /* total, not inactivity */
#define MW_LIMIT_BODY_MS 30000
#define MW_LIMIT_IDLE_MS 75000
#define MW_LIMIT_WRITE_MS 30000
#define MW_LIMIT_METHOD_BYTES 32
#define MW_LIMIT_CHUNK_DIGITS 16
#define MW_LIMIT_CHUNK_EXTENSION_BYTES (4 * MW_KIB) /* of a whole body: 400 beyond */
#define MW_LIMIT_BODY_RATE 1000                     /* bytes a second, after the first: */
#define MW_LIMIT_BODY_RATE_MS 5000
#define MW_LIMIT_WRITE_STEP_BYTES (1 * MW_MIB) /* MW_LIMIT_WRITE_MS is for each of these */
#define MW_LIMIT_LINGER_MS 2000                /* a refused client's bytes are read so long, */
#define MW_LIMIT_LINGER_BYTES (32 * MW_MIB)    /* and so many, that it sees the answer */
#define MW_LIMIT_KEEP_ALIVE_SECONDS 120        /* of silence; then TCP asks whether one is there */
#define MW_LIMIT_DRAIN_IDLE_MS 250 /* draining waits so long for a busy client's next request */
#define MW_LIMIT_KEPT_BYTES (1 * MW_MIB) /* a body or reply buffer beyond is not kept warm */
#define MW_LIMIT_KEPT_EXCHANGES 32       /* kept warm by each loop */
#define MW_LIMIT_KEPT_PIECES 256         /* of each size, of HTTP/2 sessions' memory; the same */
#define MW_LIMIT_KEPT_READ_BUFFERS 64    /* the same */
#define MW_LIMIT_DEFLATE_FROM_BYTES 1400 /* smaller replies fit a packet: not worth compressing */
#define MW_LIMIT_DRAIN_SECONDS 30
#define MW_LIMIT_HTTP2_STREAMS 128                /* at a time, of a connection */
#define MW_LIMIT_HTTP2_STREAM_WINDOW (1 * MW_MIB) /* bytes on their way to us, of a stream */
#define MW_LIMIT_HTTP2_WINDOW (16 * MW_MIB)       /* of a connection */
#define MW_LIMIT_HTTP2_HELD 4      /* bodies of the largest size that a connection may hold */
#define MW_LIMIT_HTTP2_SETTINGS 32 /* entries of a SETTINGS frame */
#define MW_LIMIT_HTTP2_ACKS 1000   /* of PING and SETTINGS, that wait */
#define MW_LIMIT_HTTP2_RESETS 1000 /* streams that a client may reset at once, */
#define MW_LIMIT_HTTP2_RESETS_A_SECOND 100 /* and from then on */
#define MW_LIMIT_WAITING_CALLS 1000        /* of gRPC, that wait for news; about 16 kB each */
#define MW_LIMIT_LISTENERS 64
#define MW_LIMIT_SOCKET_MODE 0660         /* of a unix socket's file: its owner and group; mode= */
#define MW_LIMIT_PROXY_BYTES (4 * MW_KIB) /* a PROXY header, its TLVs included */
#define MW_LIMIT_TLS_FILE_BYTES (1 * MW_MIB)          /* a certificate, key or CA file */
#define MW_LIMIT_TLS_CLIENT_CHAIN_BYTES (64 * MW_KIB) /* what a client shows */
#define MW_LIMIT_TLS_CLIENT_CHAIN 8                   /* certificates between it and the root */
#define MW_LIMIT_TLS_SESSION_SECONDS 43200 /* a session can be resumed so long; then a new key */
#define MW_LIMIT_TLS_KEPT_MS 100           /* a quiet connection keeps its buffers so long */
#define MW_LIMIT_TLS_LOOK_MS 2000          /* between looks whether certificate files changed */
#define MW_LIMIT_COMPLAINT_MS 10000        /* one log line of a kind in that time, of a loop */
#define MW_LIMIT_THREADS 256
#define MW_LIMIT_SESSION_SECONDS 43200 /* of a browser that has signed in */
#define MW_LIMIT_LOGINS 32             /* passwords that wait to be verified: 503 beyond */
#define MW_LIMIT_TOKEN_LOGINS 4096     /* tokens likewise */
#define MW_LIMIT_LOGIN_FAILURES 10     /* of a peer, of a user, in that window: 429 beyond */
#define MW_LIMIT_LOGIN_WINDOW_SECONDS 60

/* requests */
#define MW_LIMIT_JSON_DEPTH 64
#define MW_LIMIT_REPLY_BYTES (256 * MW_MIB)
#define MW_LIMIT_REQUEST_ARENA_BYTES (1 * MW_GIB)
#define MW_LIMIT_SPANS 10000                       /* of a request (OTLP) */
#define MW_LIMIT_SPAN_PARTS 4096                   /* attributes of a span; its events; its links */
#define MW_LIMIT_SPAN_DEPTH 32                     /* of values within values */
#define MW_LIMIT_SPANS_BYTES (64 * MW_MIB)         /* of one request, as they are kept */
#define MW_LIMIT_TRACE_SPANS_BYTES (64 * MW_MIB)   /* of one answer */
#define MW_LIMIT_REQUEST_BLOCK_BYTES (64 * MW_KIB) /* kept by each warm connection's loop */
#define MW_LIMIT_BUDGET_MS 5000                    /* an answer is made within; --latency-budget */
#define MW_LIMIT_QUEUE 256 /* wait for a worker, of an endpoint: 503 beyond; --max-queue */
#define MW_LIMIT_ENDPOINTS 1024
#define MW_LIMIT_NAME_BYTES 250
#define MW_LIMIT_MEMORY_REGIONS 256 /* of shared memory, registered by clients: a file each */
#define MW_LIMIT_MEMORY_REGION_BYTES (64 * MW_GIB) /* of one; a request reads --max-body of them \
                                                    */

/* the watch over live traffic */
#define MW_LIMIT_LEARN_ROWS 2000      /* the first rows of a version: its reference */
#define MW_LIMIT_WATCHED_FEATURES 512 /* of a model; the others are not watched */
#define MW_LIMIT_WATCHED_OUTPUTS 16
#define MW_LIMIT_SKETCHED_COLUMNS 128            /* whose values are sketched: some 20 kB each */
#define MW_LIMIT_SAMPLE_BYTES (256 * MW_MIB)     /* what endpoints did lately, all together */
#define MW_LIMIT_TRAFFIC_FILE_BYTES (4 * MW_MIB) /* of an endpoint */
#define MW_LIMIT_WATCH_VALUES_BYTES (4 * MW_MIB) /* of a version, that a server tells others */
#define MW_LIMIT_WATCH_VALUES_ALL_BYTES (32 * MW_MIB) /* of a version, that others have told */
#define MW_LIMIT_WATCH_FILE_BYTES (64 * MW_MIB)       /* of a version's history */
#define MW_LIMIT_WATCH_FOLDER_BYTES (4 * MW_GIB)      /* of all of them: the oldest go */

/* the record */
#define MW_LIMIT_UPLOAD_MS 86400000 /* of an upload in parts: what was begun before is swept */
#define MW_LIMIT_PART_SECONDS 43200 /* an address holds for a part */
#define MW_LIMIT_READ_SECONDS 900   /* and to read at */
#define MW_LIMIT_WEBHOOKS 1000
#define MW_LIMIT_WEBHOOK_LETTERS 10000           /* that wait: further ones are dropped */
#define MW_LIMIT_WEBHOOK_BODY_BYTES (4 * MW_MIB) /* of one */
#define MW_LIMIT_WEBHOOK_SECRET_BYTES 1000
#define MW_LIMIT_WEBHOOK_TIMEOUT_MS 30000 /* of one call, as MLflow's server has it; and, too, */
#define MW_LIMIT_WEBHOOK_RETRIES 3        /* how often one is tried again, */
#define MW_LIMIT_WEBHOOK_PAUSE_MS 60000   /* and how long before it at most */
#define MW_LIMIT_DATASET_RECORDS 100000   /* of an evaluation data set */
#define MW_LIMIT_DATASET_RECORD_BYTES MW_MIB
#define MW_LIMIT_SCORER_VERSIONS 10000 /* of an experiment */
#define MW_LIMIT_SCORER_BYTES (4 * MW_MIB)

/* contributions behind answers, logged or watched */
#define MW_LIMIT_BEHIND_BYTES (4 * MW_MIB) /* values at once, and of a row */
#define MW_LIMIT_BEHIND_PERCENT 25         /* of a core, of each thread that makes some */
#define MW_LIMIT_BEHIND_BURST_MS 250       /* and so much at once */

/* the prediction log */
#define MW_LIMIT_LOG_QUEUE_BYTES (8 * MW_MIB) /* rows that wait for the writer: dropped beyond */
#define MW_LIMIT_LOG_BLOCK_BYTES (16 * MW_MIB)
#define MW_LIMIT_LOG_SEGMENT_BYTES (64 * MW_MIB)
#define MW_LIMIT_LOG_BYTES (10 * MW_GIB) /* of all segments: the oldest go; --log-size */
#define MW_LIMIT_LOG_FLUSH_MS 1000
#define MW_LIMIT_FEEDBACK_TASKS 256     /* bodies of labels that wait: 503 beyond */
#define MW_LIMIT_OBSERVATIONS (1 << 18) /* labels with their predictions, held for performance */
#define MW_LIMIT_OFFLINE_OBSERVATIONS (1 << 24) /* the same of commands that read files */
#define MW_LIMIT_WAITING_LABELS 100000 /* whose prediction is not there so far; the oldest go */
#define MW_LIMIT_PASSED_LABELS_BYTES MW_MIB /* to other servers of the record, at once */
#define MW_LIMIT_TOLD_LABELS 4096      /* with their predictions, told to other servers at once */
#define MW_LIMIT_TOLD_MISFITS 256      /* labels of others that do not fit, the same */
#define MW_LIMIT_TOLD_VALUES (1 << 18) /* of several classes: numbers that are told at once */
#define MW_LIMIT_TOLD_KEPT_BYTES (64 * MW_MIB) /* that a record keeps, of all its servers */
#define MW_LIMIT_TOLD_KEPT_MS (INT64_C(31) * 24 * 3600 * 1000)
#define MW_LIMIT_TOLD_BYTES (32 * MW_MIB) /* of labels that are told at once */
#define MW_LIMIT_LABEL_WAIT_MS 3600000    /* then it is unknown */
#define MW_LIMIT_LOSS_LABELS 1000 /* first labels of a version: what its losses are at first */
#define MW_LIMIT_TRUTH_ROWS 2000  /* first labels of a model, which tell what was usual */
#define MW_LIMIT_TRUTH_VALUES (1 << 19)       /* of their rows, of a regression */
#define MW_LIMIT_LOG_COLUMNS 65536            /* of a model whose rows are kept */
#define MW_LIMIT_LOG_SHAPE_BYTES (8 * MW_MIB) /* names and categories of its columns */
/* alerts */
#define MW_LIMIT_ALERT_PAGE_BYTES (64 * MW_MIB)  /* of /metrics, that rules look at */
#define MW_LIMIT_ALERT_LOOK_BYTES (256 * MW_MIB) /* of one look at it */
#define MW_LIMIT_ALERT_PAST_BYTES (256 * MW_MIB) /* of /metrics of each minute, packed */
#define MW_LIMIT_ALERT_PAST_HOURS 168
#define MW_LIMIT_ALERT_SAMPLES 500000
#define MW_LIMIT_ALERT_LABELS 32          /* of a sample */
#define MW_LIMIT_ALERT_SERIES 20000       /* of a window of a rule */
#define MW_LIMIT_ALERT_RANGE_MS 604800000 /* a window, a time of a rule: 7 days */
#define MW_LIMIT_ALERT_RULES 500
#define MW_LIMIT_ALERT_RECEIVERS 32
#define MW_LIMIT_ALERT_BALLAST_BYTES (512 * MW_KIB)    /* kept for them when the disk is full */
#define MW_LIMIT_ALERT_BALLAST_FREE_BYTES (2 * MW_MIB) /* of the disk, to keep it at all */
#define MW_LIMIT_ALERTS 1000                           /* pending or firing at a time */
#define MW_LIMIT_ALERT_HISTORY 10000                   /* alerts that are kept */
#define MW_LIMIT_ALERT_SILENCES 200                    /* at a time */
#define MW_LIMIT_ALERT_SILENCE_MS 31536000000          /* a year */
#define MW_LIMIT_ALERT_LETTER_MS 259200000             /* a notification is tried for 3 days */
#define MW_LIMIT_ALERT_FILE_BYTES (4 * MW_MIB)         /* a report that leaves by mail or webhook */
#define MW_LIMIT_ALERT_SHEETS 100                      /* reports by the clock */
#define MW_LIMIT_ALERT_TIMEOUT_MS 60000   /* of a receiver; a sixth where none is given */
#define MW_LIMIT_ALERT_GROUP_MS 30000     /* group_interval */
#define MW_LIMIT_ALERT_REPEAT_MS 14400000 /* repeat: 4 hours */

/* commands that hold all rows in memory */
#define MW_LIMIT_STUDY_BYTES (1 * MW_GIB)
#define MW_LIMIT_SEARCH_BYTES (256 * MW_MIB) /* of boxes, in the search for a counterfactual */
/* one that a server is asked for: answers, and for each of them time and boxes looked at */
#define MW_LIMIT_SERVED_ANSWERS 5
#define MW_LIMIT_SERVED_SEARCH_MS 500
#define MW_LIMIT_SERVED_BOXES 1000000
#define MW_LIMIT_SERVED_PAIRS 1000 /* of features, that are told of a row's interactions */

/* models */
#define MW_LIMIT_MODEL_FILE_BYTES (4 * MW_GIB)
#define MW_LIMIT_GOLDEN_BYTES (16 * MW_MIB) /* rows that are replayed at each load */
#define MW_LIMIT_TREE_DEPTH 4096
#define MW_LIMIT_TREES 1000000
#define MW_LIMIT_TREE_NODES (1 << 26)
#define MW_LIMIT_FEATURES (1 << 22)
#define MW_LIMIT_OUTPUTS 65536
#define MW_LIMIT_CATEGORY (1 << 24)               /* codes below; XGBoost's own limit */
#define MW_LIMIT_CATEGORY_WORDS ((size_t)1 << 25) /* of 32 bits, over all sets of a model */
/* CatBoost's statistics by category; numbers of their tables are doubles */
#define MW_LIMIT_CATBOOST_STATISTICS 16384
#define MW_LIMIT_CATBOOST_TABLES 4096
#define MW_LIMIT_CATBOOST_PARTS 64 /* of a combination */
#define MW_LIMIT_CATBOOST_NUMBERS ((size_t)1 << 26)
#define MW_LIMIT_GRAPH_DEPTH 16                   /* graphs inside graphs of an ONNX model */
#define MW_LIMIT_GRAPH_TENSORS 4096               /* inputs, outputs, files beside it */
#define MW_LIMIT_EXPLAINER_BYTES (256 * MW_MIB)   /* of trees laid out and kept, see explain */
#define MW_LIMIT_INTERACTIONS_BYTES (64 * MW_MIB) /* of one row */
#define MW_LIMIT_BACKGROUND_BYTES (512 * MW_MIB)  /* rows to explain against, as float64 */

/* files */
#define MW_LIMIT_CONFIG_FILE_BYTES (1 * MW_MIB)
#define MW_LIMIT_MLMODEL_FILE_BYTES (8 * MW_MIB)
#define MW_LIMIT_PASSPORT_FILE_BYTES (4 * MW_MIB) /* MLmodel, requirements.txt ... of a version */
#define MW_LIMIT_PASSPORT_GRAPH_READS 1024        /* windows of 64 KiB onto an ONNX file */
#define MW_LIMIT_CSV_LINE_BYTES (16 * MW_MIB)
#define MW_LIMIT_YAML_DEPTH 16
#define MW_LIMIT_YAML_ALIASES 100
#define MW_LIMIT_YAML_NODES 10000

#endif
