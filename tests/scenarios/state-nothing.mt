mailtest "what reevectl shows says so when there is nothing, to people; programs get nothing"
gateway g1 { policy { at message { accept; } } }
reevectl g1 rate show = 0 ~ "no limit is in use"
reevectl g1 greylist show = 0 ~ "nobody is known"
reevectl g1 reputation show = 0 ~ "nobody has a reputation"
reevectl g1 list show = 0 ~ "no state list.*list NAME state;"
reevectl g1 policy show = 0 ~ "nobody has settings"
reevectl g1 rate show --json = 0 !~ "."
reevectl g1 policy show --json = 0 !~ "."
