// Evaluates health checks and decodes objects as Argo CD, Flux and the Prometheus Operator do. Input: a JSON list of
// questions on stdin. Output: a JSON list of as many answers on stdout. A script of Argo CD runs with the libraries that
// Argo CD opens; kstatus and CEL expressions run in the packages that Flux uses.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// question has exactly one of Lua, Expressions, Kstatus and Decode.
type question struct {
	Object      unstructured.Unstructured         `json:"object"`
	Lua         string                            `json:"lua,omitempty"`
	Expressions *kustomize.HealthCheckExpressions `json:"expressions,omitempty"`
	Kstatus     bool                              `json:"kstatus,omitempty"`
	Decode      bool                              `json:"decode,omitempty"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (q *question) ask() (any, error) {
	switch {
	case q.Lua != "":
		return runLua(q.Lua, q.Object.Object)
	case q.Expressions != nil:
		evaluator, err := cel.NewStatusEvaluator(q.Expressions)
		if err != nil {
			return nil, err
		}
		return shown(evaluator.Evaluate(context.Background(), &q.Object))
	case q.Decode:
		return decode(q.Object.Object)
	case q.Kstatus:
		return shown(status.Compute(&q.Object))
	default:
		return nil, errors.New("an empty question")
	}
}

func shown(result *status.Result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]string{"status": result.Status.String(), "message": result.Message}, nil
}

func run() error {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		return err
	}
	answers := make([]answer, 0, len(questions))
	for i := range questions {
		result, err := questions[i].ask()
		if err != nil {
			answers = append(answers, answer{Error: err.Error()})
			continue
		}
		answers = append(answers, answer{Result: result})
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
