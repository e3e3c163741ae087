/* Why nobody was disturbed: each reason once, with its words. REASON(name, word, English, Russian). */
REASON(KILLED, "killed", "it was stopped by an operator", "остановлено оператором")
REASON(OPTED_OUT, "opted_out", "the user has opted out", "пользователь отказался от сообщений")
REASON(CONSENT_UNKNOWN, "consent_unknown", "the user has not said yes", "согласие пользователя не получено")
REASON(HOLDOUT, "holdout", "the user is in the holdout group, which gets nothing", "пользователь в контрольной группе без сообщений")
REASON(MINOR, "minor", "the minors' profile forbids it (under 18, or age unknown)",
       "действует профиль несовершеннолетних (младше 18 лет или возраст неизвестен)")
REASON(ZONE_UNKNOWN, "zone_unknown", "the user's time zone is unknown, so quiet hours are",
       "часовой пояс неизвестен, тихие часы определить нельзя")
REASON(QUIET_HOURS, "quiet_hours", "it is quiet time for the user", "у пользователя тихие часы")
REASON(TOO_SOON, "too_soon", "too little time has passed since the last intervention", "прошло слишком мало времени с прошлого сообщения")
REASON(DAY_CAP, "day_cap", "the most for 24 hours has been sent", "достигнут предел за 24 часа")
REASON(WEEK_CAP, "week_cap", "the most for 7 days has been sent", "достигнут предел за 7 дней")
REASON(COOLDOWN, "cooldown", "it was sent a short while ago", "это уже отправлялось недавно")
REASON(NOT_AVAILABLE, "not_available", "its availability condition is not true", "условие доступности не выполнено")
REASON(NOT_ACCEPTED, "not_accepted", "its accept condition is not true", "условие приёма варианта не выполнено")
REASON(UNWELL, "unwell", "it asks for hard effort, and the profile says ill, injured or pregnant",
       "вариант требует больших усилий, а в профиле болезнь, травма или беременность")
REASON(RECOVERY, "recovery", "it asks for hard effort after short sleep, under stress or without a rest day",
       "вариант требует больших усилий после недосыпа, при стрессе или без дня отдыха")
REASON(GOAL_STANDS, "goal_stands", "the goal holds for seven days, and changes only by what the safeguards allow",
       "цель действует семь дней и меняется только в допустимых пределах")
REASON(GOAL_UNKNOWN, "goal_unknown", "no goal that the safeguards allow can be made of what is known",
       "по известным данным допустимую цель назначить нельзя")
REASON(MESSAGE_INCOMPLETE, "message_incomplete", "a value that the message needs is missing", "не хватает значения для текста")
REASON(NO_OPTION, "no_option", "none of its options may be sent", "ни один вариант нельзя отправить")
REASON(NOT_IN_ROLLOUT, "not_in_rollout", "the rollout has not reached this user", "внедрение ещё не дошло до пользователя")
REASON(ROLLOUT_HALTED, "rollout_halted", "the rollout was halted", "внедрение остановлено")
REASON(ROLLOUT_HOLDBACK, "rollout_holdback", "the rollout reaches everybody but a few, who are compared with",
       "внедрение дошло до всех, кроме немногих, с кем сравнивают")
REASON(OUTRANKED, "outranked", "another trigger of the same moment came first", "другой триггер оказался важнее")
REASON(DRAWN, "drawn", "the draw chose silence", "жребий выбрал молчание")
REASON(EXPERIMENT_ENDED, "experiment_ended", "the experiment has ended, and its control arm is silence",
       "эксперимент завершён, а его контрольная группа — молчание")
REASON(EXPIRES_AT_ONCE, "expires_at_once", "quiet time begins before it could be sent", "тихие часы начнутся раньше отправки")
