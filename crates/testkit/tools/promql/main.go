// Evaluates rules and queries as Prometheus does, in its own packages. Input: a JSON list of questions on stdin. Output:
// a JSON list of as many answers on stdout. Series are in the notation of promtool's tests: "1+0x10".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// question has Rules, or Series with an Expression. For is how long an alert has to be pending before it fires.
type question struct {
	Rules      string            `json:"rules,omitempty"`
	Expression string            `json:"expression,omitempty"`
	For        string            `json:"for,omitempty"`
	Series     map[string]string `json:"series,omitempty"`
	Interval   string            `json:"interval,omitempty"`
	Minutes    int               `json:"minutes,omitempty"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// selector is a metric that an expression reads, with the labels that it matches.
type selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

func (q *question) ask() (any, error) {
	switch {
	case q.Rules != "":
		groups, errs := rulefmt.Parse([]byte(q.Rules), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
		if len(errs) > 0 {
			return nil, errors.Join(errs...)
		}
		return groups.Groups, nil
	case q.Series != nil:
		return q.evaluate()
	default:
		return q.selectors()
	}
}

func (q *question) selectors() (any, error) {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(q.Expression)
	if err != nil {
		return nil, err
	}
	selectors := []selector{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if found, ok := node.(*parser.VectorSelector); ok {
			labels := []string{}
			for _, matcher := range found.LabelMatchers {
				if matcher.Name != model.MetricNameLabel {
					labels = append(labels, matcher.Name)
				}
			}
			selectors = append(selectors, selector{found.Name, labels})
		}
		if found, ok := node.(*parser.AggregateExpr); ok && len(found.Grouping) > 0 {
			selectors = append(selectors, selector{"", found.Grouping})
		}
		return nil
	})
	return selectors, nil
}

// evaluate returns the labels of the alerts that fire at the end.
func (q *question) evaluate() (any, error) {
	interval, err := time.ParseDuration(q.Interval)
	if err != nil {
		return nil, err
	}
	wait, err := model.ParseDuration(q.For)
	if err != nil {
		return nil, err
	}
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", q.Interval)
	for series, values := range q.Series {
		fmt.Fprintf(&load, "  %s %s\n", series, values)
	}
	loader, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{})
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	defer engine.Close()

	since := map[string]time.Time{}
	end := time.Unix(0, 0).Add(time.Duration(q.Minutes) * time.Minute)
	var active map[string]bool
	for at := time.Unix(0, 0); !at.After(end); at = at.Add(interval) {
		loader.WithSamplesTill(at, func(failed error) { err = failed })
		if err != nil {
			return nil, err
		}
		query, err := engine.NewInstantQuery(context.Background(), loader.Queryable(), nil, q.Expression, at)
		if err != nil {
			return nil, err
		}
		result := query.Exec(context.Background())
		if result.Err != nil {
			return nil, result.Err
		}
		vector, err := result.Vector()
		if err != nil {
			return nil, err
		}
		active = map[string]bool{}
		for _, sample := range vector {
			active[sample.Metric.DropReserved(func(name string) bool { return name == model.MetricNameLabel }).String()] = true
		}
		query.Close()
		for key := range since {
			if !active[key] {
				delete(since, key)
			}
		}
		for key := range active {
			if _, ok := since[key]; !ok {
				since[key] = at
			}
		}
	}
	firing := []string{}
	for key, begun := range since {
		if end.Sub(begun) >= time.Duration(wait) {
			firing = append(firing, key)
		}
	}
	return firing, nil
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
