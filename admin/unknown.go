package admin

import (
	"fmt"
	"net/http"
)

// unknownOperation answers what no operation does, so that every answer of the API is one that its clients can read.
func unknownOperation(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, newProblem(http.StatusNotFound,
		fmt.Sprintf("there is no operation %s %s: %s/openapi.json lists them", r.Method, r.URL.Path, apiPath)))
}
