// SPDX-License-Identifier: MIT
// The same program as C++17: the headers must do for both.
#include "client.c"
