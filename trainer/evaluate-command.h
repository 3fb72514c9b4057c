/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* yonos-train evaluate: argv[0] is the command's name. FALSE with a sentence for the user. */
gboolean yonos_evaluate_command(int argc, char **argv, GError **error);
