/* Civil dates: between the count of days since 1970-01-01 and year, month, day of the proleptic Gregorian calendar. Exact for every year
 * that a 32-bit day number reaches. Months and days outside their range are the caller's fault and carry over. Called by clock and tz, and
 * by every room through tz.h, on every thread. */
#include "kit/tz.h"

#define DAYS_OF_400_YEARS INT64_C(146097)
#define DAYS_TO_1970      INT64_C(719468) /* from 0000-03-01 */

/* Years are counted from March, so that the leap day is the last of its year and month lengths follow (153 m + 2) / 5. */
int32_t tz_day_from_date(int32_t year, int32_t month, int32_t day_of_month) {
  int64_t from_march = month > 2 ? month - 3 : month + 9;
  int64_t years = (int64_t)year - (month <= 2);
  int64_t era = (years >= 0 ? years : years - 399) / 400;
  int64_t year_of_era = years - era * 400;
  int64_t day_of_year = (153 * from_march + 2) / 5 + day_of_month - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (int32_t)(era * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970);
}

void tz_date_from_day(int32_t day, int32_t *year, int32_t *month, int32_t *day_of_month) {
  int64_t days = (int64_t)day + DAYS_TO_1970;
  int64_t era = (days >= 0 ? days : days - (DAYS_OF_400_YEARS - 1)) / DAYS_OF_400_YEARS;
  int64_t day_of_era = days - era * DAYS_OF_400_YEARS;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t from_march = (5 * day_of_year + 2) / 153;
  *day_of_month = (int32_t)(day_of_year - (153 * from_march + 2) / 5 + 1);
  *month = (int32_t)(from_march < 10 ? from_march + 3 : from_march - 9);
  *year = (int32_t)(year_of_era + era * 400 + (*month <= 2));
}
