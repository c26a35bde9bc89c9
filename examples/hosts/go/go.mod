// SPDX-License-Identifier: MIT
module adaptauhost

go 1.19
