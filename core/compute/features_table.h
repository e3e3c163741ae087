/* The built-in features: one row each, and the only place that says what they mean. Code, conditions, docs/METHODS.md, /v1/users/{id} and
 * `kairos meta` are made from it.
 *   FEATURE(name, unit, window in local days, requirement, missing rule, definition, how it is read from the view `v`)
 * Days are the user's local days (UTC while the zone is unknown), today included. An *opportunity* is a day on which something was
 * completed, skipped, or planned and is over; it is done when something was completed. A *rate* is shrunk to the user's own rate with the
 * weight of 4 attempts unless it says "as counted". A trend is the slope of ordinary least squares through the days' means. */

/* ---- temporal ---- */
FEATURE(workout_frequency_7d, "count", 7, "C06", "before the first attempt or plan", "workouts completed on the last 7 days",
        attempts_counted(v, RING_DONE, 7))
FEATURE(workout_frequency_30d, "count", 30, "C06", "before the first attempt or plan", "workouts completed on the last 30 days",
        attempts_counted(v, RING_DONE, 30))
FEATURE(consistency_score, "share", 28, "C07", "fewer than 3 opportunities",
        "root of the sum of squared lengths of runs of done opportunities, by the number of opportunities",
        from_part(v, strength_of(v)->consistency))
FEATURE(workout_consistency, "share", 28, "C03", "fewer than 3 opportunities", "the same as consistency_score",
        from_part(v, strength_of(v)->consistency))
FEATURE(streak_length_current, "days", 0, "C08", "before the first attempt", "consecutive days with a completion, up to today or yesterday",
        from_part(v, streaks_of(v)->current))
FEATURE(streak_length, "days", 0, "C11", "before the first attempt", "the same as streak_length_current",
        from_part(v, streaks_of(v)->current))
FEATURE(streak_length_longest, "days", 0, "C08", "before the first attempt", "the longest run of consecutive days with a completion ever",
        from_part(v, streaks_of(v)->longest))
FEATURE(time_of_day_consistency, "share", 30, "C09", "fewer than 3 completions",
        "resultant length of the completions' local times on the 24 h circle, or of the doubled angle when that is larger",
        from_part(v, pattern_time_consistency(v)))
FEATURE(day_of_week_consistency, "share", 30, "C09", "fewer than 3 completions", "1 - H / ln 7, H the entropy of completions by weekday",
        from_part(v, pattern_weekday_consistency(v)))
FEATURE(days_since_last_completion, "days", 0, "C17", "before the first completion", "days since the last completion",
        days_since_mark(v, MARK_LAST_DONE))
FEATURE(days_since_start, "days", 0, "A27", "before the first event", "days since the user's first event",
        days_since_mark(v, MARK_FIRST_DAY))

/* ---- behavioural ---- */
FEATURE(success_rate, "share", 30, "C01", "fewer than 3 attempts", "completions by attempts, as counted", from_part(v, pattern_rate(v)))
FEATURE(average_completion_rate, "share", 30, "C03", "no completion in the window",
        "mean completionRate of completed workouts; 1 where none was said", mean_of_days(v, RING_DONE, 30, 1))
FEATURE(completion_rate_trend, "share/day", 30, "C10", "fewer than 5 days with an attempt",
        "trend of the days' completionRate, a skip counting 0", completion_trend(v, 30, 5))
FEATURE(performance_improvement, "share", 28, "C03", "fewer than 3 days with an attempt in either half",
        "mean completionRate of the last 14 days, a skip counting 0, less that of the 14 days before", completion_change(v, 14, 3))
FEATURE(intensity_progression, "1/day", 30, "C10", "fewer than 5 days with an intensity",
        "trend of the workouts' intensity, 1 to 10 (low 3, moderate 5, high 8)", trend_of_days(v, RING_INTENSITY, 30, 5))
FEATURE(workout_variety_score, "share", 30, "C10", "fewer than 3 completions of a known type",
        "entropy of the completions' types by ln of the number of types, 0 with one type", from_part(v, pattern_variety(v)))
FEATURE(preparation_time_avg, "minutes", 30, "C10", "no report in the window", "mean of the days' mean preparationTime",
        mean_of_days(v, RING_PREPARATION, 30, 1))
FEATURE(preparation_time, "minutes", 7, "C16", "no report in the window", "mean of the days' mean preparationTime",
        mean_of_days(v, RING_PREPARATION, 7, 1))
FEATURE(skip_pattern_frequency, "share", 30, "C10", "fewer than 3 opportunities", "opportunities not done by all opportunities",
        skip_share(v, 30, 3))
FEATURE(barrier_frequency, "count", 30, "C10", "no app_interaction in the window", "barriers named by an app_interaction, on average",
        mean_of_events(v, RING_BARRIERS, 30))
FEATURE(engagement_score, "share", 14, "C03", "before the first event",
        "days with at least one event by 14, or by the days since the first event", engagement(v, 14))
FEATURE(app_interactions_7d, "count", 7, "A12", "before the first event", "app_interaction events on the last 7 days",
        events_counted(v, RING_SCREEN, 7))
FEATURE(app_screen_time_7d, "seconds", 7, "A12", "before the first event", "sum of screenTime on the last 7 days",
        sum_of_days(v, RING_SCREEN, 7))

/* ---- contextual ---- */
FEATURE(preferred_time_consistency, "share", 30, "C12", "no preferredTimes in the profile, or fewer than 3 completions",
        "completions within an hour of a preferred time, by all completions", preferred_share(v))
FEATURE(weather_sensitivity, "share", 30, "C12", "fewer than 2 kinds of weather with 3 attempts", "largest less smallest rate by weather",
        from_part(v, pattern_weather(v)))
FEATURE(social_context_impact, "share", 30, "C12", "fewer than 3 attempts alone or in company",
        "social_success_rate less solo_success_rate", from_part(v, pattern_company(v, true) - pattern_company(v, false)))
FEATURE(social_success_rate, "share", 30, "C16", "fewer than 3 attempts in company", "rate of attempts with somebody",
        from_part(v, pattern_company(v, true)))
FEATURE(solo_success_rate, "share", 30, "C16", "fewer than 3 attempts alone", "rate of attempts alone",
        from_part(v, pattern_company(v, false)))
FEATURE(social_success_ratio, "times", 30, "E13", "fewer than 3 attempts alone or in company", "social_success_rate by solo_success_rate",
        from_part(v, social_ratio(v)))
FEATURE(social_success_ratio_low, "times", 30, "E13", "fewer than 3 attempts alone or in company",
        "lower end of the 95 % interval of the ratio of both rates as counted, half an attempt added to each count",
        from_part(v, social_ratio_low(v)))
FEATURE(location_stability, "share", 28, "C15", "fewer than 3 completions at known places",
        "1 - H / ln K over the completions' places, K the places of all attempts in the window; 1 with one place",
        from_part(v, strength_of(v)->places))
FEATURE(success_rate_variance_by_time, "share", 30, "C16", "fewer than 2 parts of the day with 3 attempts",
        "largest less smallest rate over the 3-hour parts of the day", from_part(v, pattern_times(v, TIMES_SPREAD)))
FEATURE(success_rate_variance_by_time_compat, "share^2", 30, "C16", "fewer than 2 parts of the day with 3 attempts",
        "variance (ddof 0) of the rates as counted over the 3-hour parts of the day; cannot exceed .25",
        from_part(v, pattern_times(v, TIMES_VARIANCE)))
FEATURE(best_hour, "hour", 30, "C17", "fewer than 2 parts of the day with 3 attempts",
        "local hour around which the best part's attempts lie", from_part(v, pattern_times(v, TIMES_BEST_HOUR)))
FEATURE(best_hour_rate, "share", 30, "C17", "fewer than 2 parts of the day with 3 attempts", "rate of the best part of the day, as counted",
        from_part(v, pattern_times(v, TIMES_BEST_RATE)))
FEATURE(worst_hour, "hour", 30, "C17", "fewer than 2 parts of the day with 3 attempts",
        "local hour around which the worst part's attempts lie", from_part(v, pattern_times(v, TIMES_WORST_HOUR)))
FEATURE(worst_hour_rate, "share", 30, "C17", "fewer than 2 parts of the day with 3 attempts",
        "rate of the worst part of the day, as counted", from_part(v, pattern_times(v, TIMES_WORST_RATE)))
FEATURE(success_rate_morning, "share", 30, "C01", "fewer than 3 attempts from 5 to 11", "rate of attempts from 5 to 11 o'clock",
        from_part(v, pattern_part(v, PART_MORNING)))
FEATURE(success_rate_midday, "share", 30, "C01", "fewer than 3 attempts from 11 to 17", "rate of attempts from 11 to 17 o'clock",
        from_part(v, pattern_part(v, PART_MIDDAY)))
FEATURE(success_rate_evening, "share", 30, "C01", "fewer than 3 attempts from 17 to 22", "rate of attempts from 17 to 22 o'clock",
        from_part(v, pattern_part(v, PART_EVENING)))
FEATURE(success_rate_night, "share", 30, "C01", "fewer than 3 attempts from 22 to 5", "rate of attempts from 22 to 5 o'clock",
        from_part(v, pattern_part(v, PART_NIGHT)))
FEATURE(best_weekday, "weekday", 30, "C17", "no weekday with 3 attempts", "weekday with the highest rate, 0 Monday to 6 Sunday",
        from_part(v, pattern_weekday(v, NULL)))
FEATURE(best_weekday_rate, "share", 30, "C17", "no weekday with 3 attempts", "rate of that weekday, as counted",
        from_part(v, weekday_rate(v)))

/* ---- recovery ---- */
FEATURE(sleep_debt, "hours", 7, "C16", "fewer than 3 nights", "mean over the nights of max(0, 8 - hours slept)",
        sleep_short(v, 7, 3, false))
FEATURE(sleep_debt_week, "hours", 7, "C16", "fewer than 3 nights", "sum over the nights of max(0, 8 - hours slept)",
        sleep_short(v, 7, 3, true))
FEATURE(sleep_hours, "hours", 7, "C16", "no night in the window", "mean hours slept", mean_of_days(v, RING_SLEEP, 7, 1))
FEATURE(sleep_quality_trend, "1/day", 14, "C13", "fewer than 4 nights", "trend of sleepQuality",
        trend_of_days(v, RING_SLEEP_QUALITY, 14, 4))
FEATURE(stress_level, "0-10", 7, "C16", "no report in the window", "mean of the newest day with a stressLevel",
        newest_day(v, RING_STRESS, 7))
FEATURE(stress_level_trend, "1/day", 14, "C13", "fewer than 4 days with a report", "trend of stressLevel",
        trend_of_days(v, RING_STRESS, 14, 4))
FEATURE(hrv_trend, "ms/day", 14, "C13", "fewer than 4 days with a value", "trend of hrv", trend_of_days(v, RING_HRV, 14, 4))
FEATURE(motivation_level, "0-10", 7, "C14", "no report in the window", "mean of the newest day with a motivationLevel",
        newest_day(v, RING_MOTIVATION, 7))
FEATURE(motivation_trend, "1/day", 14, "C14", "fewer than 4 days with a report", "trend of motivationLevel",
        trend_of_days(v, RING_MOTIVATION, 14, 4))

/* ---- progress ---- */
FEATURE(goal_progress, "share", 0, "C03", "before the first goal_progress", "the newest progress", mark_value(v, MARK_GOAL))
FEATURE(
    goal_progress_rate, "ratio", 14, "C14", "fewer than 7 days since the first event",
    "newest progress by the progress expected then, when both were said in the last 14 days; otherwise workouts of the last 7 days by the "
    "profile's workouts a week (goals.sessionsPerWeek, or the available days of constraints.schedule, or 3)",
    goal_rate(v))
FEATURE(habit_strength, "share", 28, "C02", "before the seventh day with the engine, or fewer than 3 opportunities",
        ".4 habit_frequency + .4 consistency_score + .2 habit_context_stability, or .5 and .5 of the first two while the third is missing",
        from_part(v, strength_of(v)->strength))
FEATURE(habit_frequency, "share", 28, "C02", "before the seventh day with the engine",
        "workouts completed by those expected at the profile's workouts a week, at most 1", from_part(v, strength_of(v)->frequency))
FEATURE(habit_frequency_compat, "share", 0, "C02", "before the first event",
        "the source document's frequency: attempts by days since the first event, the newest 128 by the days that they span (at least 1), "
        "clamped to 1 (T02)",
        from_part(v, strength_of(v)->frequency_compat))
FEATURE(habit_context_stability, "share", 28, "C02", "fewer than 3 completions",
        "mean of the resultant length of completion times and location_stability; the former alone without places",
        from_part(v, strength_of(v)->context))
FEATURE(habit_automaticity, "share", 0, "C02", "before the first attempt",
        "recursion over the days of the newest 128 attempts from .05: done h += .06 (1 - h), missed h -= .03 h",
        from_part(v, streaks_of(v)->automaticity))
