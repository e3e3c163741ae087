-- How much change people bear (J06–J09). A rollout's stage with order = "risk" reaches the first of these first and everybody who is in
-- none last; who is in two counts as the more careful one. What the engine cannot see the application says in the profile, under
-- `product`. Who is not known well enough for a segment is not in it: nobody is an early adopter by mistake.

segment "early_adopters" {
  why = "They open it nearly every day, try what is new, ask for little help and like it.",
  when = [[app_interactions_7d > 5 and profile.product.featureAdoption > 0.8 and profile.product.supportTicketRate < 0.1
    and profile.product.rating > 4.5]],
  risk = "high",
}

segment "stable_users" {
  why = "Months of regular use, and nothing against a change now and then.",
  when = [[engagement_score > 0.7 and success_rate > 0.6 and days_since_start > 90
    and profile.product.stabilityPreference == 'moderate']],
  risk = "medium",
}

segment "cautious_users" {
  why = "They leave new things alone, and a change costs them and the support team much.",
  when = [[profile.product.featureAdoption < 0.3 and profile.product.supportSensitivity == 'high'
    and profile.product.disruptionSensitivity == 'high']],
  risk = "low",
}

segment "critical_users" {
  why = "They pay for it, their work hangs on it, and they may leave: whoever moves a rollout looks at these by hand (approvals).",
  when = "profile.product.tier == 'premium' and profile.product.businessCritical and churn_risk > 0.7",
  risk = "minimal",
}
