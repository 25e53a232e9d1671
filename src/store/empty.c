#include "isogloss/err.h"
