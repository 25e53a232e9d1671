/* Text out of archives that are made here: tar headers, help pages, PO files. */
#include "check.h"

#include "isogloss/corpus_extract.h"
#include "isogloss/os.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/isogloss-extract-XXXXXX";

static void tar_header(FILE *tar, const char *name, size_t n, char type)
{
    unsigned char h[512] = {0};
    unsigned sum = 0;
    (void)snprintf((char *)h, 100, "%s", name);
    memcpy(h + 100, "0000644", 7);
    (void)snprintf((char *)h + 124, 12, "%011zo", n);
    h[156] = (unsigned char)type;
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++) sum += h[i];
    (void)snprintf((char *)h + 148, 8, "%06o", sum);
    CHECK(fwrite(h, 1, sizeof h, tar) == sizeof h);
}

static void tar_member(FILE *tar, const char *name, const char *content, char type)
{
    static const char zero[512];
    size_t n = strlen(content);
    tar_header(tar, name, n, type);
    CHECK(fwrite(content, 1, n, tar) == n);
    CHECK(fwrite(zero, 1, (512 - n % 512) % 512, tar) == (512 - n % 512) % 512);
}

static void tar_end(FILE *tar)
{
    static const char zero[1024];
    CHECK(fwrite(zero, 1, sizeof zero, tar) == sizeof zero);
    rewind(tar);
}

static void check_file(const char *name, const char *wanted)
{
    isg_str text = {0};
    char *path = isg_strf("%s/%s", dir, name);
    CHECK_OK(isg_file_read(path, 1 << 20, &text));
    CHECK_STR(isg_str_c(&text), wanted);
    isg_str_free(&text);
    free(path);
}

static const char page[] =
    "<html><header><p id=\"par_0\" class=\"paragraph\">furniture</p></header>\n"
    "<!-- don't be <p id=\"par_9\">fooled -->\n"
    "<aside><p id=\"par_0b\">furniture</p></aside>\n"
    "<h1 id=\"hd_1\" dir=\"auto\">Über  <em>&lt;Menüs&gt;</em></h1>\n"
    "<p id=\"par_2\" class=\"paragraph\">Wählen Sie <span class=\"emph\">Format &amp;\n Zeile</span>.</p>\n"
    "<p id=\"par_3\" class=\"bascode\">Dim x</p><p class=\"tip\">no id</p>\n"
    "<p id=\"par_4\" class=\"note\">eins<br>zwei&nbsp;drei\xC2\xA0vier &#228;&#xE4; a < b</p>\n"
    "<p id=\"par_5\"> </p><footer><p id=\"par_6\">furniture</p></footer></html>";

static void test_help(void)
{
    isg_extract_counts n;
    char deep[160];
    FILE *tar = tmpfile();
    (void)snprintf(deep, sizeof deep, "./usr/share/help/de/text/%0110d.html", 7);
    tar_member(tar, "./usr/share/help/de/text/swriter/", "", '5');
    tar_member(tar, "./usr/share/help/de/text/swriter/a.html", page, '0');
    tar_member(tar, "./usr/share/help/de/media/x.svg", "<p id=\"par_1\">not a page</p>", '0');
    tar_member(tar, "././@LongLink", deep, 'L');
    tar_member(tar, "cut", "<p id='x'></p><p id=\"par_1\">langer Name</p>", '0');
    tar_end(tar);
    CHECK_OK(isg_corpus_extract("libreoffice-help", tar, NULL, dir, &n));
    CHECK_EQ_U64(n.members, 2);
    CHECK_EQ_U64(n.languages, 1);
    CHECK_EQ_U64(n.lines, 4);
    char *wanted = isg_strf("text/swriter/a#hd_1\tÜber <Menüs>\n"
                            "text/swriter/a#par_2\tWählen Sie Format & Zeile.\n"
                            "text/swriter/a#par_4\teins zwei drei vier ää a < b\n"
                            "text/%0110d#par_1\tlanger Name\n",
                            7);
    check_file("de.txt", wanted);
    free(wanted);
    (void)fclose(tar);
}

static const char po[] =
    "msgid \"\"\nmsgstr \"Content-Type: text/plain\\n\"\n\n"
    "#. comment\nmsgctxt \"\"\n\"page.xhp\\n\"\n\"par_1\\n\"\n\"help.text\"\n"
    "msgid \"Open <emph>the \\\"file\\\"</emph> in %PRODUCTNAME.\"\n"
    "msgstr \"Datei \"\n\"<emph>\\\"öffnen\\\"</emph> in %PRODUCTNAME.\"\n\n"
    "#, fuzzy\nmsgctxt \"page.xhp\\npar_2\\nhelp.text\"\nmsgid \"A guess\"\nmsgstr \"Geraten\"\n\n"
    "msgctxt \"page.xhp\\npar_3\\nhelp.text\"\nmsgid \"Same\"\nmsgstr \"Same\"\n\n"
    "msgctxt \"page.xhp\\npar_4\\nhelp.text\"\nmsgid \"See https://a.b/c?d now, $(ARG1) of 100%\"\n"
    "msgstr \"Siehe https://a.b/c?d jetzt, $(ARG1) von 100%\"\n\n"
    "#~ msgid \"gone\"\n#~ msgstr \"weg\"\n";

static const char ui[] =
    "msgctxt \"dialog|title\"\nmsgid \"_Save ~all\"\nmsgstr \"~Alles _sichern\"\n\n"
    "msgctxt \"LIST\"\nmsgid \"one\"\nmsgid_plural \"many\"\nmsgstr[0] \"eines\"\nmsgstr[1] \"viele\\nzweite Zeile\"\n";

static const char ui_ja[] =
    "msgctxt \"dialog|title\"\nmsgid \"_Save ~all\"\nmsgstr \"すべて保存(~S)\"\n";

static void test_po(void)
{
    isg_extract_counts n;
    isg_str text = {0};
    FILE *tar = tmpfile();
    tar_member(tar, "l/translations/source/de/helpcontent2/source/a.po", po, '0');
    tar_member(tar, "l/translations/source/de/sw/messages.po", ui, '0');
    tar_member(tar, "l/translations/source/ja/sw/messages.po", ui_ja, '0');
    tar_member(tar, "l/README.po", "msgid \"a\"\nmsgstr \"b\"\n", '0');
    tar_end(tar);
    CHECK_OK(isg_corpus_extract("libreoffice-po", tar, NULL, dir, &n));
    CHECK_EQ_U64(n.languages, 3);
    char *path = isg_strf("%s/de.txt", dir);
    CHECK_OK(isg_file_read(path, 1 << 20, &text));
    free(path);
    CHECK(strstr(text.data, "helpcontent2/source/a.po:page.xhp#page.xhp/par_1/help.text/") ==
          text.data);
    const char *const lines[] = {"\tDatei \"öffnen\" in LibreOffice.\n",
                                 "\tSiehe jetzt, von 100%\n",
                                 "sw/messages.po:dialog#dialog|title/",
                                 "\tAlles sichern\n",
                                 "\teines\n",
                                 "\tviele\n",
                                 "\tzweite Zeile\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK(strstr(text.data, lines[i]) != NULL);
    CHECK(!strstr(text.data, "Geraten") && !strstr(text.data, "Same") && !strstr(text.data, "weg"));
    isg_str_free(&text);
    path = isg_strf("%s/en.txt", dir);
    CHECK_OK(isg_file_read(path, 1 << 20, &text));
    free(path);
    CHECK(strstr(text.data, "\tOpen the \"file\" in LibreOffice.\n") &&
          strstr(text.data, "\tA guess\n"));
    char *ja_key = isg_strdup(strstr(text.data, "sw/messages.po:dialog"));
    CHECK(strstr(text.data, "\tSave all\n") && strstr(text.data, "\tSame\n") &&
          !strstr(text.data, "gone"));
    isg_str_free(&text);
    path = isg_strf("%s/ja.txt", dir);
    CHECK_OK(isg_file_read(path, 1 << 20, &text));
    free(path);
    CHECK(strstr(text.data, "\tすべて保存\n") != NULL);
    CHECK_EQ_U64(strcspn(text.data, "\t"),
                 strcspn(ja_key, "\t"));                       /* as long as the English key ... */
    CHECK(!strncmp(text.data, ja_key, strcspn(ja_key, "\t"))); /* ... and equal to it */
    free(ja_key);
    isg_str_free(&text);
    rewind(tar);
    CHECK_OK(isg_corpus_extract("libreoffice-po", tar, "ja,en", dir,
                                &n)); /* English comes from a third */
    CHECK_EQ_U64(n.languages, 2);
    rewind(tar);
    CHECK_FAILS(isg_corpus_extract("libreoffice-po", tar, "jap", dir, &n), ISG_EINPUT, "no text");
    (void)fclose(tar);
}

static void test_refusals(void)
{
    isg_extract_counts n;
    FILE *tar = tmpfile();
    tar_member(tar, "a/b.html", "<p id=\"par_1\">no language in the path</p>", '0');
    tar_end(tar);
    CHECK_FAILS(isg_corpus_extract("libreoffice-help", tar, NULL, dir, &n), ISG_EINPUT,
                "no text of format");
    rewind(tar);
    CHECK_FAILS(isg_corpus_extract("libreoffice", tar, NULL, dir, &n), ISG_EUSAGE,
                "unknown format");
    (void)fclose(tar);

    tar = tmpfile();
    tar_header(tar, "./usr/share/help/xx/text/a.html", 5000, '0');
    CHECK(fputs("only this", tar) >= 0);
    rewind(tar);
    CHECK_FAILS(isg_corpus_extract("libreoffice-help", tar, NULL, dir, &n), ISG_EINPUT,
                "cut short");
    char *path = isg_strf("%s/xx.txt", dir);
    CHECK(!isg_path_exists(path));
    free(path);
    (void)fclose(tar);

    tar = tmpfile();
    tar_member(tar, "x/source/fr/sw/m.po", "msgid \"a\"\nmsgstr \"bonjour\"\n", '0');
    CHECK(fputs("noise after the first member, long enough for a header", tar) >= 0);
    for (int i = 0; i < 600; i++) (void)fputc('x', tar);
    rewind(tar);
    CHECK_FAILS(isg_corpus_extract("libreoffice-po", tar, NULL, dir, &n), ISG_EINPUT,
                "not a tar archive");
    path = isg_strf("%s/fr.txt", dir);
    CHECK(!isg_path_exists(path)); /* what was read before the fault does not appear */
    free(path);
    (void)fclose(tar);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    test_help();
    test_po();
    test_refusals();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
