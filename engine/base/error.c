/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

G_DEFINE_QUARK(yonos-error-quark, yonos_error)
