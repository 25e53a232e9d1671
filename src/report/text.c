#include "text.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80 };

/* `lead` once, then `text` wrapped at words and indented below it. */
void isg_text_paragraph(FILE *out, const char *lead, const char *text)
{
    int indent = (int)strlen(lead), column = indent;

    (void)fputs(lead, out);
    for (bool first = true; *text; first = false) {
        int word = (int)strcspn(text, " ");
        if (!first && column + 1 + word > WIDTH) {
            (void)fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fprintf(out, "%.*s", word, text);
        column += word;
        text += word;
        while (*text == ' ') text++;
    }
    (void)fputc('\n', out);
}

/* A formatted paragraph; says nothing when out of memory. */
void isg_text_say(FILE *out, const char *lead, char *text)
{
    if (text) isg_text_paragraph(out, lead, text);
    free(text);
}

/* Half a normal interval of that level, in standard deviations. */
static double normal_half(double level)
{
    double lo = 0, hi = 40;

    for (size_t k = 0; k < 60; k++) {
        const double z = (lo + hi) / 2;
        if (erfc(z / sqrt(2)) > 1 - level)
            lo = z;
        else
            hi = z;
    }
    return hi;
}

double isg_text_scale(double lo, double hi, double level)
{
    return hi > lo && isfinite(hi) && isfinite(lo) ? (hi - lo) / (2 * normal_half(level)) : 0;
}

const char isg_text_far_out_note[] = "std. error -: a few refits lie far out; read the interval";

bool isg_text_far_out(double se, double lo, double hi, double level)
{
    const double scale = isg_text_scale(lo, hi, level);
    return scale > 0 && se > 3 * scale;
}

/* As many decimals as the standard error bears: three digits of it, six of the number. */
const char *isg_text_show(double x, double se, char *buf)
{
    if (!(se > 0) || !isfinite(x)) {
        (void)snprintf(buf, ISG_TEXT_CELL, "%.5g", x);
    } else if (fabs(x) < 1e-4) {
        (void)snprintf(buf, ISG_TEXT_CELL, "%.3g", x);
    } else if (fabs(x) >= 1e7) {
        (void)snprintf(buf, ISG_TEXT_CELL, "%.4g", x);
    } else {
        double digits = fmin(2 - floor(log10(se)), 5 - floor(log10(fmax(fabs(x), 1e-4))));
        (void)snprintf(buf, ISG_TEXT_CELL, "%.*f", (int)fmin(fmax(digits, 0), 10), x);
    }
    return buf;
}

void isg_text_law(FILE *out, const isg_law *law)
{
    (void)fprintf(out, "%s: %s\n", law->name, law->formula);
    for (const char *line = law->where; line && *line;) {
        size_t n = strcspn(line, "\n");
        (void)fprintf(out, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}
