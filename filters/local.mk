noinst_LIBRARIES += filters/libfilters.a
filters_libfilters_a_SOURCES =
