"""Whether a run can be believed: checks that rewrite the future, the labels, the ids and the rows."""
