#ifndef ISOGLOSS_BUILD_H
#define ISOGLOSS_BUILD_H

/** What this build is: version, commit, compiler, flags. Static strings. */

const char *isg_build_version(void); /**< "0.1.0" */
const char *isg_build_commit(void);  /**< short hash, "+" if dirty, or "unknown" */
const char *isg_build_compiler(void);
const char *isg_build_flags(void);

#endif
