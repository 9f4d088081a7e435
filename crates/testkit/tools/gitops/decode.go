// Decodes an object of Flux or of the Prometheus Operator strictly. Input: the object. Output: an error for an unknown
// kind, an unknown field or a wrong type.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomization "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func decode(object map[string]any) (any, error) {
	types := map[string]any{
		"helm.toolkit.fluxcd.io/v2 HelmRelease":        &helm.HelmRelease{},
		"kustomize.toolkit.fluxcd.io/v1 Kustomization": &kustomization.Kustomization{},
		"source.toolkit.fluxcd.io/v1 GitRepository":    &source.GitRepository{},
		"source.toolkit.fluxcd.io/v1 OCIRepository":    &source.OCIRepository{},
		"monitoring.coreos.com/v1 PodMonitor":          &monitoring.PodMonitor{},
		"monitoring.coreos.com/v1 PrometheusRule":      &monitoring.PrometheusRule{},
		"monitoring.coreos.com/v1 ServiceMonitor":      &monitoring.ServiceMonitor{},
	}
	kind := fmt.Sprintf("%v %v", object["apiVersion"], object["kind"])
	into, ok := types[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %s", kind)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return kind, decoder.Decode(into)
}
