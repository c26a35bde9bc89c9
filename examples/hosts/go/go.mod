module adaptauhost

go 1.19
