#include "isogloss/comm.h"
