package admin

import "net/http"

// Conflict is the error of what cannot be done now because of something else that is under way.
func Conflict(detail string) *Problem { return newProblem(http.StatusConflict, detail) }
