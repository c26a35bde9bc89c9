/* SPDX-License-Identifier: MIT */
/* Calls that must succeed. */
#ifndef TEST_OK_H
#define TEST_OK_H

#include <adaptau/base.h>

#include <check.h>

static adaptau_error error;

#define OK(call) ck_assert_msg((call) == ADAPTAU_OK, "%s", error.message)

#endif
