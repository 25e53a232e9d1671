#include "progress.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double bar_s = 0.2, first_line_s = 10, line_s = 60;

struct isg_progress {
    bool bar, colour;
    double next;
};

typedef struct looked {
    const isg_sched_status *status;
    const isg_campaign_count *runs, *parts;
} looked;

static void clear_bar(void)
{
    if (write(STDERR_FILENO, "\r\033[K", 4) < 0) { /* nowhere left to say it */
    }
}

isg_progress *isg_progress_create(void)
{
    isg_progress *p = calloc(1, sizeof *p);
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    if (!p) return NULL;
    p->bar = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    p->colour = p->bar && !(no_colour && *no_colour);
    p->next = isg_time_mono() + (p->bar ? bar_s : first_line_s);
    if (p->bar) isg_log_set_hooks(clear_bar, NULL);
    return p;
}

bool isg_progress_due(const isg_progress *p)
{
    return isg_time_mono() >= p->next;
}

/* "12/48 runs, 2 failed, 4 running, 31 % of the work, about 3m 20s left". What is being written has
 * given its slot to the next one and does not count as running. */
static void describe(const looked *k, char *text, size_t cap)
{
    const isg_sched_status *s = k->status;
    const isg_campaign_count *r = k->runs, *p = k->parts;
    char eta[32];
    double share = s->cost > 0 ? 100 * s->cost_done / s->cost : 100;
    int n = snprintf(text, cap, "%zu/%zu %s", r->done + r->diverged, r->n,
                     isg_str_plural(r->n, "run", "runs"));
    if (p->n)
        n +=
            snprintf(text + n, cap - (size_t)n, ", %zu/%zu of trunks", p->done + p->diverged, p->n);
    if (s->failed) n += snprintf(text + n, cap - (size_t)n, ", %zu failed", s->failed);
    n += snprintf(text + n, cap - (size_t)n, ", %zu running, %.0f %% of the work", s->busy, share);
    if (s->draining)
        (void)snprintf(text + n, cap - (size_t)n, ", stopping");
    else if (s->eta_s > 0) {
        (void)snprintf(text + n, cap - (size_t)n, ", about %s left",
                       isg_str_duration(s->eta_s, eta, sizeof eta));
    }
}

static void draw(const isg_progress *p, const looked *k)
{
    enum { MOST = 30 };
    struct winsize size = {0};
    char text[160], line[320];
    const isg_sched_status *s = k->status;
    describe(k, text, sizeof text);
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20) size.ws_col = 80;
    int width = (int)size.ws_col - (int)strlen(text) - 4;
    if (width > MOST) width = MOST;
    if (width < 0) width = 0;
    double share = s->cost > 0 ? s->cost_done / s->cost : 1;
    int full = (int)(share * width);
    int n = snprintf(line, sizeof line, "\r\033[K%s[", p->colour ? "\033[32m" : "");
    for (int i = 0; i < width; i++) line[n++] = i < full ? '#' : '.';
    n += snprintf(line + n, sizeof line - (size_t)n, "]%s %.*s", p->colour ? "\033[0m" : "",
                  (int)size.ws_col - width - 4, text);
    if (write(STDERR_FILENO, line, (size_t)n) < 0) { /* nowhere left to say it */
    }
}

void isg_progress_show(isg_progress *p, const isg_sched_status *s, const isg_campaign_count *runs,
                       const isg_campaign_count *parts)
{
    const looked k = {s, runs, parts};
    if (p->bar) {
        draw(p, &k);
        p->next = isg_time_mono() + bar_s;
        return;
    }
    char text[160], when[ISG_TIME_BYTES];
    describe(&k, text, sizeof text);
    (void)fprintf(stderr, "%s %s\n", isg_time_iso(isg_time_now(), when), text);
    p->next = isg_time_mono() + line_s;
}

void isg_progress_destroy(isg_progress **progress)
{
    isg_progress *p = *progress;
    if (!p) return;
    if (p->bar) {
        clear_bar();
        isg_log_set_hooks(NULL, NULL);
    }
    free(p);
    *progress = NULL;
}
